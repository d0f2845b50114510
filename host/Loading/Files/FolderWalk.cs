using KdPlugins.Torch;

namespace KdPlugins.Host.Loading.Files;

/// <summary>A file of a folder, or a link in it to another entry of the folder.</summary>
/// <param name="Path">Relative, with '/'.</param>
/// <param name="Info">As the folder lists it.</param>
internal sealed record FolderEntry(string Path, FileSystemInfo Info);

/// <summary>
/// What lies in a plugin's folder, by names and kinds alone: nothing is opened, and no more is listed than a plugin may have.
/// Whoever reads files of a plugin does so after this found nothing to refuse.
/// </summary>
internal sealed class FolderWalk
{
    private const int MaxDepth = 32;
    private const int MaxRefusals = 5;

    private readonly List<FolderEntry> _entries = [];
    private readonly List<Finding> _refusals = [];
    private readonly LoaderOptions _options;
    private readonly string _folder;
    private readonly string _root;
    private int _seen;
    private long _bytes;

    private FolderWalk(string folder, LoaderOptions options) =>
        (_folder, _root, _options) = (folder, RealPath.Of(folder), options);

    /// <summary>Plain files, and links to what is inside, ordered by path.</summary>
    internal IReadOnlyList<FolderEntry> Entries => _entries;

    /// <summary>Why nothing of the folder may be used; each names an entry.</summary>
    internal IReadOnlyList<Finding> Refusals => _refusals;

    /// <summary>Walks a folder, or a link to one.</summary>
    internal static FolderWalk Of(string folder, LoaderOptions options, CancellationToken stop = default)
    {
        var walk = new FolderWalk(folder, options);
        if (Problem(folder) is { } problem)
            walk._refusals.Add(problem);
        else
            walk.Run(stop);
        walk._entries.Sort((a, b) => string.CompareOrdinal(a.Path, b.Path));
        return walk;
    }

    /// <summary>Why an entry of the plugin folder cannot be a plugin's folder or package, whatever is in it; null for nothing.</summary>
    internal static Finding? Problem(string path)
    {
        var real = RealPath.Of(path);
        var link = new FileInfo(path).LinkTarget;
        return EntryKinds.Of(new FileInfo(real)) switch
        {
            EntryKind.Special => Special(path),
            EntryKind.Missing or EntryKind.Link when link is not null => Dangling(path, link),
            EntryKind.Folder when link is not null && RealPath.IsInside(real, RealPath.Of(Parent(path))) =>
                Finding.Error(
                    HostErrors.PathOutside,
                    $"{path} is a link to {link}, which holds the plugin folder itself."
                ),
            _ => null,
        };
    }

    private static string Parent(string path) => Path.GetDirectoryName(Path.GetFullPath(path)) ?? path;

    private void Run(CancellationToken stop)
    {
        var pending = new Stack<(DirectoryInfo Folder, int Depth)>([(new(_folder), 0)]);
        while (pending.TryPop(out var next) && _refusals.Count < MaxRefusals)
            try
            {
                foreach (var info in next.Folder.EnumerateFileSystemInfos())
                {
                    stop.ThrowIfCancellationRequested();
                    if (IsTooMuch(info) || _refusals.Count >= MaxRefusals)
                        return;
                    switch (EntryKinds.Of(info))
                    {
                        case EntryKind.Folder when next.Depth < MaxDepth:
                            pending.Push((new(info.FullName), next.Depth + 1));
                            break;
                        case EntryKind.Folder:
                            _refusals.Add(Large($"{info.FullName} lies more than {MaxDepth} folders deep."));
                            break;
                        case EntryKind.File:
                            Add(info);
                            break;
                        case EntryKind.Link:
                            AddLink(info);
                            break;
                        case EntryKind.Special:
                            _refusals.Add(Special(info.FullName));
                            break;
                    }
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                _refusals.Add(Unreadable(next.Folder.FullName, e));
            }
    }

    private void Add(FileSystemInfo info) =>
        _entries.Add(new(Path.GetRelativePath(_folder, info.FullName).Replace('\\', '/'), info));

    // A link to what is inside is a second name; its folders are not entered, since they are seen where they lie.
    private void AddLink(FileSystemInfo info)
    {
        var real = RealPath.Of(info.FullName);
        if (!RealPath.IsInside(_root, real))
            _refusals.Add(
                Finding.Error(
                    HostErrors.PathOutside,
                    $"{info.FullName} is a link to {info.LinkTarget}, outside {_folder}."
                )
            );
        else if (EntryKinds.Of(new FileInfo(real)) is EntryKind.Missing or EntryKind.Link)
            _refusals.Add(Dangling(info.FullName, info.LinkTarget!));
        else
            Add(info);
    }

    private bool IsTooMuch(FileSystemInfo info)
    {
        _seen++;
        _bytes += info is FileInfo { LinkTarget: null } file ? file.Length : 0;
        if (_seen > _options.MaxFiles)
            _refusals.Add(Large($"{_folder} has more than {_options.MaxFiles} files."));
        else if (_bytes > _options.MaxPackageBytes)
            _refusals.Add(Large($"{_folder} has more than {_options.MaxPackageBytes} bytes."));
        else
            return false;
        return true;
    }

    /// <summary>What an entry that cannot be read is told as.</summary>
    internal static Finding Unreadable(string path, Exception e) =>
        Finding.Error(
            e is UnauthorizedAccessException ? HostErrors.NotPlain : HostErrors.Unstable,
            $"{path} cannot be read: {e.Message}"
        );

    private static Finding Special(string path) =>
        Finding.Error(HostErrors.NotPlain, $"{path} is a pipe, a socket or a device.");

    private static Finding Dangling(string path, string target) =>
        Finding.Error(HostErrors.NotPlain, $"{path} is a link to {target}, where nothing is.");

    private static Finding Large(string detail) => Finding.Error(HostErrors.TooLarge, detail);
}
