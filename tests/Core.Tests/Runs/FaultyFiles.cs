namespace KdPlugins.Core.Tests.Runs;

/// <summary>What happens at the chosen operation.</summary>
public enum Fault
{
    /// <summary>The process is gone before the operation.</summary>
    Death,

    /// <summary>The process is gone in the middle of it: half the bytes, part of the deletion.</summary>
    DeathInside,

    /// <summary>The machine loses power before it: what was not forced onto the disk is lost too.</summary>
    PowerLoss,

    /// <summary>The disk is full in the middle of it; everything before and after works.</summary>
    DiskFull,

    /// <summary>The file system refuses it; everything before and after works.</summary>
    Refusal,
}

/// <summary>The end of the process, as far as the code under test is concerned.</summary>
internal sealed class SimulatedDeath : Exception;

/// <summary>The disk, with one fault at a chosen operation; -1 for none. After a death every operation ends in it.</summary>
internal sealed class FaultyFiles(Fault fault, int at) : IRunFiles
{
    private const int NoSpace = 28;

    private readonly IRunFiles _disk = DiskFiles.Instance;
    private readonly HashSet<string> _unflushedFiles = [];
    private readonly List<(string Source, string Target, byte[]? Replaced)> _unflushedMoves = [];
    private readonly HashSet<string> _unflushedNames = [];

    public int Operations { get; private set; }

    public bool Struck { get; private set; }

    public void CreateFolder(string path) => Do(() => _disk.CreateFolder(path));

    public Stream Create(string path) =>
        Do(() =>
        {
            _unflushedNames.Add(path);
            _unflushedFiles.Add(path);
            return new FaultyStream(this, path, _disk.Create(path));
        });

    public Stream OpenEnd(string path) =>
        Do(() =>
        {
            if (!File.Exists(path))
            {
                _unflushedNames.Add(path);
            }
            return new FaultyStream(this, path, _disk.OpenEnd(path));
        });

    public void Flush(Stream stream) =>
        Do(() =>
        {
            var faulty = (FaultyStream)stream;
            faulty.Inner.Flush(); // to the system; a test need not wait for the disk
            _unflushedFiles.Remove(faulty.Path);
        });

    public void Cut(Stream stream, long length) => Do(() => _disk.Cut(((FaultyStream)stream).Inner, length));

    public void Move(string source, string target) =>
        Do(() =>
        {
            _unflushedMoves.Add((source, target, File.Exists(target) ? File.ReadAllBytes(target) : null));
            _disk.Move(source, target);
            Rename(_unflushedFiles, source, target);
            Rename(_unflushedNames, source, target);
        });

    public void FlushFolder(string path) =>
        Do(() =>
        {
            _unflushedMoves.RemoveAll(move => Path.GetDirectoryName(move.Target) == path);
            _unflushedNames.RemoveWhere(name => Path.GetDirectoryName(name) == path);
        });

    public void DeleteFile(string path) => Do(() => _disk.DeleteFile(path));

    public void DeleteFolder(string path) =>
        Do(
            () => _disk.DeleteFolder(path),
            () => Directory.GetFiles(path).Order().Take(1).ToList().ForEach(File.Delete)
        );

    public long FreeBytes(string folder) => _disk.FreeBytes(folder);

    /// <summary>Starts the machine again: after a loss of power the disk has only what was forced onto it.</summary>
    public void Reboot()
    {
        if (!Struck || fault != Fault.PowerLoss)
        {
            return;
        }
        foreach (string path in _unflushedFiles.Where(File.Exists))
        {
            using var file = new FileStream(path, FileMode.Open);
            file.SetLength(file.Length / 2);
        }
        foreach (string path in _unflushedNames.Where(File.Exists))
        {
            File.Delete(path);
        }
        foreach (var (source, target, replaced) in Enumerable.Reverse(_unflushedMoves))
        {
            if (File.Exists(target) || Directory.Exists(target))
            {
                _disk.Move(target, source);
            }
            if (replaced is not null)
            {
                File.WriteAllBytes(target, replaced);
            }
        }
    }

    /// <summary>What lies in a renamed folder, or is the renamed file, is no safer for it.</summary>
    private static void Rename(HashSet<string> paths, string source, string target)
    {
        foreach (string path in paths.Where(path => path == source || path.StartsWith(source + "/")).ToList())
        {
            paths.Remove(path);
            paths.Add(target + path[source.Length..]);
        }
    }

    private void Do(Action work, Action? half = null) =>
        Do(
            () =>
            {
                work();
                return 0;
            },
            half
        );

    private T Do<T>(Func<T> work, Action? half = null)
    {
        bool dead = Struck && fault is Fault.Death or Fault.DeathInside or Fault.PowerLoss;
        if (dead)
        {
            throw new SimulatedDeath();
        }
        if (Operations++ != at)
        {
            return work();
        }
        Struck = true;
        switch (fault)
        {
            case Fault.DiskFull:
                half?.Invoke();
                throw new IOException("No space left on device", NoSpace);
            case Fault.Refusal:
                throw new UnauthorizedAccessException("Access is denied");
            case Fault.DeathInside:
                half?.Invoke();
                throw new SimulatedDeath();
            default:
                throw new SimulatedDeath();
        }
    }

    /// <summary>Every write is an operation.</summary>
    private sealed class FaultyStream(FaultyFiles files, string path, Stream inner) : Stream
    {
        public string Path => path;
        public Stream Inner => inner;
        public override bool CanRead => false;
        public override bool CanSeek => true;
        public override bool CanWrite => true;
        public override long Length => inner.Length;

        public override long Position
        {
            get => inner.Position;
            set => inner.Position = value;
        }

        public override void Write(byte[] buffer, int offset, int count) =>
            files.Do(() => inner.Write(buffer, offset, count), () => inner.Write(buffer, offset, count / 2));

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => inner.Seek(offset, origin);

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                inner.Dispose();
            }
            base.Dispose(disposing);
        }
    }
}
