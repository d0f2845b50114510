using System.Composition.Hosting;
using System.Diagnostics;
using System.Reflection;
using System.Runtime.CompilerServices;
using KdPlugins.Core;
using KdPlugins.Host.Loading.Contexts;
using KdPlugins.Host.Loading.Files;
using KdPlugins.Host.Loading.Inspection;
using KdPlugins.Host.Loading.Parts;
using KdPlugins.Sdk;
using KdPlugins.Torch;

namespace KdPlugins.Host.Loading.Folders;

/// <summary>One folder of plugins: its report, its context, its composition and the instances made from it.</summary>
internal sealed class PluginFolder
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _instances = [];
    private PluginContext? _context;
    private CompositionHost? _composition;
    private string? _heldBecause;

    private PluginFolder(PreFlightReport report)
    {
        Report = report;
        Parts = [.. (report.Entry?.Facts.Parts ?? []).Select(f => new LoadedPart(f))];
    }

    internal PreFlightReport Report { get; }
    internal IReadOnlyList<LoadedPart> Parts { get; }
    internal TimeSpan LoadTime { get; private set; }

    internal PluginState State { get; private set; } = PluginState.Active;

    /// <summary>Inspects a folder and, where nothing speaks against it, loads and composes it.</summary>
    internal static PluginFolder Load(
        string name,
        string path,
        LoaderOptions options,
        Manifest.PluginTrust trust,
        Action prepare
    )
    {
        var start = Stopwatch.GetTimestamp();
        var folder = new PluginFolder(PreFlight.Run(name, path, options, trust));
        if (!folder.Report.IsAccepted)
            folder.FailAll(PluginState.Refused, folder.Report.Refusal!);
        else if (options.Held.TryGetValue(name, out var why))
            folder.LoadTypes(options, why);
        else
            folder.LoadAccepted(options, prepare);
        folder.Report.EntryImage = [];
        folder.LoadTime = Stopwatch.GetElapsedTime(start);
        return folder;
    }

    /// <summary>What stands for a folder or package that cannot even be looked into.</summary>
    internal static PluginFolder Refused(string name, string path, Finding finding)
    {
        var folder = new PluginFolder(new PreFlightReport(name, path));
        folder.Report.Findings.Add(finding);
        folder.FailAll(PluginState.Refused, finding);
        return folder;
    }

    /// <summary>A new instance of a part that is active.</summary>
    internal IPluginInstance Create(LoadedPart part)
    {
        if (_heldBecause is { } why)
            throw new KdException(HostErrors.HeldBack, $"plugin '{part.Fact.Id}' is not run here: {why}");
        lock (_gate)
        {
            if (part.Composed is not { } composed || part.Descriptor is not { } descriptor)
                throw new ObjectDisposedException($"plugin {part.Fact.Id}");
            try
            {
                var (plugin, release) = composed.New();
                _instances[part.Fact.Id] = _instances.GetValueOrDefault(part.Fact.Id) + 1;
                return new PluginInstance(descriptor, plugin, () => Release(part.Fact.Id, release));
            }
            catch (Exception e)
            {
                var failure = Guard.Describe(e);
                throw new KdException(HostErrors.ConstructorFailed, Text(part.Fact, failure), inner: e);
            }
        }
    }

    /// <summary>Starts the unloading. Null where nothing was loaded.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal UnloadTicket? Unload()
    {
        lock (_gate)
        {
            foreach (var part in Parts)
                part.Forget();
            if (State == PluginState.Active)
                State = PluginState.Unloaded;
            // Parts that outlive their instances' owner may throw when they are disposed; the rest goes on.
            if (_composition is { } composition)
                Guard.Catch(composition.Dispose);
            _composition = null;
            if (_context is not { } context)
                return null;
            _context = null;
            var holders = _instances
                .Where(i => i.Value > 0)
                .Select(i => $"{i.Value} instance(s) of '{i.Key}' that were not disposed")
                .Concat(Report.Entry!.Facts.Holders.Select(h => $"{Report.Entry.Path} uses {h}"))
                .ToList();
            return new(Report.Name, context.Unload(), holders);
        }
    }

    /// <summary>The simple names of what the context has loaded for itself.</summary>
    internal IReadOnlyList<string> LoadedNames() =>
        _context is { } context ? [.. context.Context.Assemblies.Select(a => a.GetName().Name!)] : [];

    /// <summary>Marks every part that still counts as active.</summary>
    internal void FailAll(PluginState state, Finding reason)
    {
        State = state;
        foreach (var part in Parts.Where(p => p.State == PluginState.Active))
            part.Fail(state, reason);
    }

    /// <summary>Unloads the folder where another one provides all that it has.</summary>
    internal void SupersedeIfUnused(Finding reason)
    {
        if (Parts.Any(p => p.State == PluginState.Active))
            return;
        FailAll(PluginState.Superseded, reason);
        Unload();
    }

    private void FailProblematic()
    {
        foreach (var part in Parts.Where(p => p.Fact.Problem is not null))
            part.Fail(
                PluginState.Refused,
                Finding.Error(HostErrors.BadPart, $"class {part.Fact.TypeName} {part.Fact.Problem}.")
            );
    }

    // The types alone: looking at them runs nothing of the plugin, not even its static constructors.
    private void LoadTypes(LoaderOptions options, string why)
    {
        _heldBecause = why;
        Report.Findings.Add(Finding.Warning(HostErrors.Leaked, why));
        FailProblematic();
        var failure = Guard.Run(Report.Name, options.Timeout, DescribeTypes);
        if (failure is not null)
            FailWhole(
                HostErrors.LoadFailed,
                $"plugin '{Report.Name}' cannot be loaded: {failure.Message}.",
                failure.Trace
            );
        if (Parts.All(p => p.State != PluginState.Active))
            GiveUp();
    }

    private void DescribeTypes()
    {
        var assembly = LoadAssembly();
        foreach (var part in Parts.Where(p => p.State == PluginState.Active))
            if (OptionsOf(assembly.GetType(part.Fact.TypeName, throwOnError: true)!) is { } optionsType)
                part.Descriptor = Describe(part.Fact, optionsType);
    }

    // What the bases of the SDK say without an instance; a class that does without them stays without a descriptor.
    private static Type? OptionsOf(Type type)
    {
        for (var t = type; t is not null; t = t.BaseType)
            if (t.IsGenericType && t.GetGenericTypeDefinition() == typeof(Plugin<>))
                return t.GetGenericArguments()[0];
        return null;
    }

    private void LoadAccepted(LoaderOptions options, Action prepare)
    {
        FailProblematic();
        PartComposer? composer = null;
        var failure = Guard.Run(Report.Name, options.Timeout, () => composer = LoadAndCompose());
        if (failure is null)
            Try(composer!, options, prepare);
        else
            FailWhole(
                failure.TimedOut ? HostErrors.TimedOut : HostErrors.LoadFailed,
                $"plugin '{Report.Name}' cannot be loaded: {failure.Message}.",
                failure.Trace
            );
        if (State == PluginState.Active)
            RefuseChanged(options);
        if (Parts.All(p => p.State != PluginState.Active))
            GiveUp();
    }

    private Assembly LoadAssembly()
    {
        var entry = Report.Entry!;
        _context = new(Report.Name, Report.Folder, entry.Path);
        return _context.LoadEntry(Report.EntryImage, entry.Path);
    }

    private PartComposer LoadAndCompose() => PartComposer.Compose(LoadAssembly(), Report.Entry!.Facts);

    // Every part is made once and given back: one that throws or blocks is refused now, by name, and not in a run.
    private void Try(PartComposer composer, LoaderOptions options, Action prepare)
    {
        _composition = composer.Host;
        foreach (var rejected in composer.Rejected)
            Fail(
                PartOf(rejected.Fact),
                CodeOf(rejected.Failure),
                rejected.Failure,
                MefRemedy.Of(rejected.Fact.Kind, rejected.Failure.Message)
            );
        if (composer.Parts.Count > 0)
            prepare();
        foreach (var composed in composer.Parts)
        {
            var part = PartOf(composed.Fact);
            Type? optionsType = null;
            string? problem = null;
            var failure = Guard.Run(
                composed.Fact.Id,
                options.Timeout,
                () =>
                {
                    var (plugin, release) = composed.New();
                    optionsType = plugin.OptionsType;
                    problem = OptionsProblem(optionsType);
                    release();
                }
            );
            if (failure is not null)
                Fail(part, failure.TimedOut ? HostErrors.TimedOut : HostErrors.ConstructorFailed, failure);
            else if (problem is not null)
                Fail(part, HostErrors.BadPart, new(false, problem, ""));
            else
                Accept(part, composed, optionsType!);
        }
    }

    private void Accept(LoadedPart part, ComposedPart composed, Type optionsType)
    {
        part.Composed = composed;
        part.Descriptor = Describe(part.Fact, optionsType);
    }

    private PluginDescriptor Describe(PartFact fact, Type optionsType) =>
        new(
            fact.Kind,
            fact.Id,
            fact.Version,
            fact.Description,
            fact.Paper,
            Report.Entry!.Facts.Name,
            Report.Entry.Sha256,
            optionsType,
            Report.Folder
        );

    private void RefuseChanged(LoaderOptions options)
    {
        string? problem = null;
        try
        {
            var now = FolderSnapshot.Take(Report.Folder, options, []);
            problem = now.SameAs(Report.Snapshot!)
                ? null
                : $"the files in {Report.Folder} changed while they were loaded.";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problem = $"{Report.Folder} cannot be read any more: {e.Message}";
        }
        if (problem is not null)
            FailWhole(HostErrors.Unstable, problem, "");
    }

    private void GiveUp()
    {
        if (State == PluginState.Active)
            State = PluginState.LoadError;
        Unload();
    }

    private void FailWhole(ErrorCode code, string detail, string trace)
    {
        var finding = new Finding(Severity.Error, code, detail, Trace: trace);
        Report.Findings.Add(finding);
        FailAll(PluginState.LoadError, finding);
    }

    private void Fail(LoadedPart part, ErrorCode code, Failure failure, string? remedy = null)
    {
        var finding = new Finding(Severity.Error, code, Text(part.Fact, failure), remedy, failure.Trace);
        Report.Findings.Add(finding);
        part.Fail(PluginState.LoadError, finding);
    }

    private LoadedPart PartOf(PartFact fact) => Parts.First(p => p.Fact == fact);

    private static ErrorCode CodeOf(Failure failure) =>
        failure.Message.StartsWith("CompositionFailed", StringComparison.Ordinal)
            ? HostErrors.CompositionFailed
            : HostErrors.LoadFailed;

    private static string Text(PartFact fact, Failure failure) =>
        $"plugin '{fact.Id}' ({fact.TypeName}): {failure.Message.TrimEnd('.')}.";

    private static string? OptionsProblem(Type? options) =>
        options is null ? "its OptionsType is null"
        : options.IsAbstract || options.GetConstructor(Type.EmptyTypes) is null
            ? $"its options {options.Name} have no public constructor without parameters"
        : null;

    private void Release(string id, Action release)
    {
        lock (_gate)
            _instances[id]--;
        release();
    }
}
