using System.IO.MemoryMappedFiles;

namespace KdPlugins.Torch.Weights;

/// <summary>The bytes of an opened file: mapped, or in memory. No span ever reaches outside it.</summary>
internal abstract class ByteSource : IDisposable
{
    public abstract long Length { get; }

    /// <summary>The bytes from <paramref name="start"/>; the caller has checked that they are inside.</summary>
    public abstract ReadOnlySpan<byte> Span(long start, int count);

    /// <summary>The same as a stream, for inflating.</summary>
    public abstract Stream Stream(long start, long count);

    public abstract void Dispose();

    public static ByteSource Open(string path)
    {
        try
        {
            if (Directory.Exists(path))
            {
                throw WeightFault.Of(WeightErrors.FileUnreadable, path, "it is a folder, a file was expected.");
            }
            return MappedBytes.Map(path);
        }
        catch (Exception e)
            when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            string reason = e is FileNotFoundException or DirectoryNotFoundException
                ? "there is no such file."
                : e.Message;
            throw WeightFault.Of(WeightErrors.FileUnreadable, path, reason, e);
        }
    }

    protected void CheckInside(long start, long count)
    {
        if (start < 0 || count < 0 || start > Length || count > Length - start)
        {
            throw new ArgumentOutOfRangeException(nameof(start), $"{start} + {count} is outside {Length} bytes");
        }
    }
}

/// <summary>A file in memory.</summary>
internal sealed class MemoryBytes(ReadOnlyMemory<byte> bytes) : ByteSource
{
    public override long Length => bytes.Length;

    public override ReadOnlySpan<byte> Span(long start, int count)
    {
        CheckInside(start, count);
        return bytes.Span.Slice((int)start, count);
    }

    public override Stream Stream(long start, long count)
    {
        CheckInside(start, count);
        return System.Runtime.InteropServices.MemoryMarshal.TryGetArray(bytes, out ArraySegment<byte> array)
            ? new MemoryStream(array.Array!, array.Offset + (int)start, (int)count, writable: false)
            : new MemoryStream(bytes.Slice((int)start, (int)count).ToArray(), writable: false);
    }

    public override void Dispose() { }
}

/// <summary>A file mapped read-only. Renaming another file over it does not disturb it.</summary>
internal sealed unsafe class MappedBytes : ByteSource
{
    private readonly FileStream _file;
    private readonly string _path;
    private readonly MemoryMappedFile? _map;
    private readonly MemoryMappedViewAccessor? _view;
    private readonly byte* _first;
    private bool _disposed;

    private MappedBytes(FileStream file, string path)
    {
        _file = file;
        _path = path;
        Length = file.Length;
        if (Length == 0)
        {
            return; // an empty file cannot be mapped
        }
        _map = MemoryMappedFile.CreateFromFile(
            file,
            null,
            0,
            MemoryMappedFileAccess.Read,
            HandleInheritability.None,
            true
        );
        _view = _map.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
        byte* first = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref first);
        _first = first + _view.PointerOffset;
    }

    public override long Length { get; }

    public static MappedBytes Map(string path)
    {
        var file = PlainFile.Open(path, bufferSize: 0);
        try
        {
            return new MappedBytes(file, path);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public override ReadOnlySpan<byte> Span(long start, int count)
    {
        Check(start, count);
        return new ReadOnlySpan<byte>(_first + start, count);
    }

    public override Stream Stream(long start, long count)
    {
        Check(start, count);
        return count == 0 ? System.IO.Stream.Null : new UnmanagedMemoryStream(_first + start, count);
    }

    public override void Dispose()
    {
        if (_disposed)
        {
            return;
        }
        _disposed = true;
        _view?.SafeMemoryMappedViewHandle.ReleasePointer();
        _view?.Dispose();
        _map?.Dispose();
        _file.Dispose();
    }

    private void Check(long start, long count)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        CheckInside(start, count);
        // Touching a mapped page behind the end of a cut file would end the process.
        long now = RandomAccess.GetLength(_file.SafeFileHandle);
        if (now < Length)
        {
            throw WeightFault.Of(WeightErrors.FileChanged, _path, $"it had {Length} bytes and has {now} now.");
        }
    }
}
