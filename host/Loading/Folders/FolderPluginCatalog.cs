using System.Runtime.CompilerServices;
using KdPlugins.Core;
using KdPlugins.Host.Loading.Files;
using KdPlugins.Host.Loading.Inspection;
using KdPlugins.Host.Loading.Manifest;
using KdPlugins.Host.Loading.Packages;
using KdPlugins.Torch;

namespace KdPlugins.Host.Loading.Folders;

/// <summary>
/// The plugins of a folder that has one subfolder or one .kdplugin file per plugin assembly, or of one such file. A catalog never changes: to see new files, load
/// another one and unload this. Safe to use from several threads.
/// </summary>
public sealed class FolderPluginCatalog : IPluginCatalog, IDisposable
{
    private readonly IReadOnlyList<PluginFolder> _folders;
    private readonly Lock _gate = new();
    private IReadOnlyDictionary<(PluginKind, string), (PluginFolder Folder, LoadedPart Part)> _active;
    private IReadOnlyList<UnloadResult>? _unloaded;

    private FolderPluginCatalog(string root, IReadOnlyList<PluginFolder> folders, IReadOnlyList<Finding> findings)
    {
        Root = root;
        _folders = folders;
        Findings = findings;
        _active = Duplicates.Resolve(folders);
        Plugins =
        [
            .. _active
                .OrderBy(a => a.Key.Item1)
                .ThenBy(a => a.Key.Item2, StringComparer.Ordinal)
                .Select(a => a.Value.Part.Descriptor)
                .OfType<PluginDescriptor>(),
        ];
    }

    /// <summary>The folder.</summary>
    public string Root { get; }

    /// <summary>What there is to say about the folder itself, such as files that lie loose in it.</summary>
    public IReadOnlyList<Finding> Findings { get; }

    /// <summary>The plugins that can be used, ordered by kind and id; none after the unloading.</summary>
    public IReadOnlyList<PluginDescriptor> Plugins { get; private set; }

    /// <summary>Every plugin that was found, usable or not, ordered by kind, id and folder.</summary>
    public IReadOnlyList<PluginStatus> Statuses =>
        [
            .. _folders
                .SelectMany(f => f.Parts.Select(p => Status(f, p)))
                .OrderBy(s => s.Kind)
                .ThenBy(s => s.Id, StringComparer.Ordinal)
                .ThenBy(s => s.Folder, StringComparer.Ordinal),
        ];

    /// <summary>Every subfolder, ordered by name.</summary>
    public IReadOnlyList<FolderStatus> Folders => [.. _folders.Select(Status)];

    /// <summary>The folder beside the program, or the one that KD_PLUGINS names.</summary>
    internal static string DefaultRoot =>
        Environment.GetEnvironmentVariable("KD_PLUGINS") is { Length: > 0 } named
            ? named
            : Path.Combine(AppContext.BaseDirectory, "plugins");

    /// <summary>
    /// Inspects and loads every subfolder. A plugin that fails is reported and holds nobody else up; a folder that does not
    /// exist has no plugins.
    /// </summary>
    /// <exception cref="KdException"><c>KDP0111</c>: the lock file cannot be read; <c>KDP0124</c>: there are no trusted keys.</exception>
    public static FolderPluginCatalog Load(string root, LoaderOptions? options = null)
    {
        options ??= new();
        root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root));
        if (!Directory.Exists(root) && !IsPackage(root))
            return new(root, [], [Finding.Warning(HostErrors.NoPlugin, $"{root} does not exist.")]);
        var trust = PluginTrust.Read(root, options);
        var prepare = new Lazy<bool>(() =>
        {
            options.BeforeFirstInstance?.Invoke();
            return true;
        });
        var folders = Sources(root).Select(s => LoadOne(s, options, trust, () => _ = prepare.Value)).ToList();
        return new(root, folders, [.. LooseFiles(root)]);
    }

    /// <summary>
    /// The plugins of a kind as the metadata of the assemblies have them, the highest version of an id first, each with whether
    /// pre-flight lets it pass. Nothing is loaded and no code of a plugin runs.
    /// </summary>
    /// <exception cref="KdException"><c>KDP0111</c>: the lock file cannot be read; <c>KDP0124</c>: there are no trusted keys.</exception>
    internal static IReadOnlyList<(PartFact Part, bool IsAccepted)> Look(
        string root,
        PluginKind kind,
        LoaderOptions options
    )
    {
        root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root));
        if (!Directory.Exists(root) && !IsPackage(root))
            return [];
        // Nor is the machine asked what it has.
        options = options with
        {
            Capabilities = new(() => true, () => long.MaxValue),
        };
        var trust = PluginTrust.Read(root, options);
        return
        [
            .. Sources(root)
                .SelectMany(s => LookInto(s, options, trust))
                .Where(p => p.Part.Kind == kind)
                .OrderBy(p => p.Part.Id, StringComparer.Ordinal)
                .ThenByDescending(p => p.IsAccepted ? Version.Parse(p.Part.Version) : new Version()),
        ];
    }

    private static IEnumerable<(PartFact Part, bool IsAccepted)> LookInto(
        string source,
        LoaderOptions options,
        PluginTrust trust
    )
    {
        try
        {
            if (FolderWalk.Problem(source) is not null)
                return [];
            var folder = IsPackage(source) ? Store(options).Unpack(source, options) : source;
            var report = PreFlight.Run(Path.GetFileName(source), folder, options, trust);
            return (report.Entry?.Facts.Parts ?? []).Select(p => (p, report.IsAccepted && p.Problem is null));
        }
        catch (Exception e) when (e is KdException or IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>
    /// The subfolders and packages of a plugin folder, in order; a package alone is one. Links that lead nowhere are among
    /// them: somebody's plugin was there.
    /// </summary>
    internal static IEnumerable<string> Sources(string root) =>
        IsPackage(root)
            ? [root]
            : new DirectoryInfo(root)
                .EnumerateFileSystemInfos()
                .Where(e => !e.Name.StartsWith('.'))
                .Where(e => Directory.Exists(e.FullName) || IsPackage(e.FullName) || LeadsNowhere(e))
                .Select(e => e.FullName)
                .Order(StringComparer.Ordinal);

    /// <summary>Whether a path is a package's file.</summary>
    internal static bool IsPackage(string path) =>
        path.EndsWith(PackageFile.Ending, StringComparison.OrdinalIgnoreCase) && File.Exists(path);

    private static bool LeadsNowhere(FileSystemInfo entry) =>
        entry.LinkTarget is not null
        && EntryKinds.Of(new FileInfo(RealPath.Of(entry.FullName))) is EntryKind.Missing or EntryKind.Link;

    private static PluginFolder LoadOne(string source, LoaderOptions options, PluginTrust trust, Action prepare)
    {
        var name = Path.GetFileName(source);
        if (FolderWalk.Problem(source) is { } problem)
            return PluginFolder.Refused(name, source, problem);
        try
        {
            var folder = IsPackage(source) ? Store(options).Unpack(source, options) : source;
            return PluginFolder.Load(name, folder, options, trust, prepare);
        }
        catch (KdException e) when (IsPackage(source))
        {
            return PluginFolder.Refused(name, source, Finding.Error(e.Code, e.Detail));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return PluginFolder.Refused(name, source, FolderWalk.Unreadable(source, e));
        }
    }

    /// <summary>
    /// Records the hashes of subfolders' and packages' files as approved, for locked loading; without names those of all there
    /// are, and of no others. Gives the names.
    /// </summary>
    /// <exception cref="KdException"><c>KDP0101</c>: no such subfolder; <c>KDP0111</c>: the lock file cannot be read.</exception>
    public static IReadOnlyList<string> Approve(string root, IReadOnlyList<string> names, LoaderOptions? options = null)
    {
        options = (options ?? new()) with { Trust = TrustLevel.Locked };
        var file = HashLock.PathOf(root, options);
        var locked = names.Count > 0 ? HashLock.Read(file) : new();
        if (names.Count == 0)
            names = [.. (Directory.Exists(root) ? Sources(root) : []).Select(s => Path.GetFileName(s))];
        foreach (var name in names)
            locked.Approve(name, ToApprove(Path.Combine(root, name), options));
        if (names.Count == 0)
            throw new KdException(HostErrors.NoPlugin, $"{root} has no plugins.");
        locked.Write(file);
        return names;
    }

    private static FolderSnapshot ToApprove(string path, LoaderOptions options)
    {
        if (FolderWalk.Problem(path) is { } problem)
            throw new KdException(problem.Code, problem.Detail, problem.Remedy);
        if (IsPackage(path))
            path = Store(options).Unpack(path, options);
        if (!Directory.Exists(path))
            throw new KdException(
                HostErrors.NoPlugin,
                $"{path} does not exist.",
                "Name a subfolder or a package of the plugin folder."
            );
        List<Finding> findings = [];
        var snapshot = FolderSnapshot.Take(path, options, findings);
        return findings.Find(f => f.Severity == Severity.Error) is { } refusal
            ? throw new KdException(refusal.Code, refusal.Detail, refusal.Remedy)
            : snapshot;
    }

    private static PackageStore Store(LoaderOptions options) =>
        new(options.PackageFolder ?? PackageStore.DefaultFolder, TimeProvider.System);

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0201</c>: there is no such plugin, or it was refused; <c>KDP0115</c>: its constructor threw.
    /// </exception>
    public IPluginInstance Create(PluginKind kind, string id) =>
        _active.TryGetValue((kind, id), out var found) ? found.Folder.Create(found.Part) : throw Unknown(kind, id);

    /// <summary>Where the plugins of an id, and every assembly that they reference, come from; works for refused ones too.</summary>
    /// <param name="id">A plugin's id, or the name of a subfolder.</param>
    /// <exception cref="KdException"><c>KDP0201</c>: neither a plugin nor a subfolder is called so.</exception>
    public Explanation Explain(string id)
    {
        var folders = _folders.Where(f => f.Report.Name == id || f.Parts.Any(p => p.Fact.Id == id)).ToList();
        if (folders.Count == 0)
            throw new KdException(
                RecipeErrors.PluginUnknown,
                $"No plugin and no folder in {Root} is called '{id}'.{Near(id, _folders.SelectMany(f => f.Parts).Select(p => p.Fact.Id))}"
            );
        return new(
            [.. Statuses.Where(s => s.Id == id || s.Folder == id)],
            [.. folders.Select(Status)],
            [.. folders.SelectMany(f => Resolutions.Of(f.Report, f.LoadedNames()))]
        );
    }

    /// <summary>
    /// Unloads every folder and proves it: collects garbage, up to ten rounds, until the contexts are gone. Dispose the
    /// instances first and keep no descriptor. A second call returns the same.
    /// </summary>
    public IReadOnlyList<UnloadResult> Unload()
    {
        lock (_gate)
            return _unloaded ??= UnloadProof.Of(Release());
    }

    /// <summary>Starts the unloading without waiting for its end.</summary>
    public void Dispose()
    {
        lock (_gate)
            if (_unloaded is null)
                Release();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private List<UnloadTicket> Release()
    {
        _active = new Dictionary<(PluginKind, string), (PluginFolder, LoadedPart)>();
        Plugins = [];
        return [.. _folders.Select(f => f.Unload()).OfType<UnloadTicket>()];
    }

    private KdException Unknown(PluginKind kind, string id)
    {
        var kindName = kind.ToString().ToLowerInvariant();
        var detail = $"There is no {kindName} '{id}' in {Root}.";
        var same = _folders
            .SelectMany(f => f.Parts.Select(p => (Folder: f, Part: p)))
            .Where(x => x.Part.Fact.Id == id)
            .ToList();
        var others = same.Where(x => x.Part.Fact.Kind != kind && x.Part.State == PluginState.Active).ToList();
        if (others.Count > 0)
            detail +=
                $" '{id}' is a {string.Join(", ", others.Select(x => x.Part.Fact.Kind.ToString().ToLowerInvariant()))}.";
        foreach (var (folder, part) in same.Where(x => x.Part.Fact.Kind == kind))
            detail += $" The one in '{folder.Report.Name}' is {State(part.State)}: {part.Reason}";
        // A folder that could not even be read may be the one that has it.
        foreach (var folder in _folders.Where(f => f.Report.Entry is null && f.Report.Refusal is not null))
            detail += $" Folder '{folder.Report.Name}' was refused: {folder.Report.Refusal}";
        return new(RecipeErrors.PluginUnknown, detail + Near(id, Plugins.Where(p => p.Kind == kind).Select(p => p.Id)));
    }

    private static string State(PluginState state) =>
        state switch
        {
            PluginState.Refused => "refused",
            PluginState.LoadError => "not usable",
            PluginState.Superseded => "superseded",
            _ => "unloaded",
        };

    private static string Near(string id, IEnumerable<string> known)
    {
        var question = Nearest.Ask(id, known.Distinct());
        return question.Length == 0 ? "" : $" {question}";
    }

    private static IEnumerable<Finding> LooseFiles(string root) =>
        (Directory.Exists(root) ? Directory.EnumerateFiles(root, "*.dll") : [])
            .Order(StringComparer.Ordinal)
            .Select(f =>
                Finding.Warning(
                    HostErrors.NoPlugin,
                    $"{f} lies loose in the plugin folder and is not loaded.",
                    $"Put it, with its dependencies, into {Path.Combine(root, Path.GetFileNameWithoutExtension(f))}."
                )
            );

    private static PluginStatus Status(PluginFolder folder, LoadedPart part) =>
        new(part.Fact.Kind, part.Fact.Id, part.Fact.Version, folder.Report.Name, part.State, part.Reason);

    private static FolderStatus Status(PluginFolder folder) =>
        new(folder.Report.Name, folder.Report.Folder, folder.State, [.. folder.Report.Findings], folder.LoadTime);
}
