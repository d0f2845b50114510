using System.Buffers;
using System.IO.MemoryMappedFiles;

namespace KdPlugins.Torch.Native;

/// <summary>A file as read-only memory: libtorch_cpu.so has 460 MB, of which start-up looks at the symbol table only.</summary>
internal sealed unsafe class MappedFile : MemoryManager<byte>
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _start;
    private readonly int _length;

    internal MappedFile(string path)
    {
        // Of the open file: FileInfo would give a link's own length.
        var stream = File.OpenRead(path);
        if (stream.Length is 0 or > int.MaxValue)
        {
            var length = stream.Length;
            stream.Dispose();
            throw new InvalidDataException($"is {length} bytes long");
        }
        _length = (int)stream.Length;
        _file = MemoryMappedFile.CreateFromFile(
            stream,
            null,
            0,
            MemoryMappedFileAccess.Read,
            HandleInheritability.None,
            leaveOpen: false
        );
        _view = _file.CreateViewAccessor(0, _length, MemoryMappedFileAccess.Read);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
    }

    /// <inheritdoc/>
    public override Span<byte> GetSpan() => new(_start, _length);

    /// <inheritdoc/>
    public override MemoryHandle Pin(int elementIndex = 0) => new(_start + elementIndex);

    /// <inheritdoc/>
    public override void Unpin() { }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }
}
