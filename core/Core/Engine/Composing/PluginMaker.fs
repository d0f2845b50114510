namespace KdPlugins.Core

open System
open System.Collections.Generic

/// A plugin that a run uses.
[<Sealed>]
type internal UsedPlugin(descriptor: PluginDescriptor) =
    // The descriptor itself would hold the plugin's types.
    let kind, id, version = descriptor.Kind, descriptor.Id, descriptor.Version

    let paper, assembly, sha256 =
        descriptor.Paper, descriptor.Assembly, descriptor.Sha256

    member _.Kind = kind
    member _.Id = id
    member _.Version = version
    member _.Paper = paper
    member _.Assembly = assembly
    member _.Sha256 = sha256

/// Makes the plugins of one composition, which live as long as it, and knows which they are.
[<Sealed>]
type internal PluginMaker(catalog: IPluginCatalog) =
    let owned = List<IDisposable>()
    let used = SortedDictionary<string, UsedPlugin>(StringComparer.Ordinal)

    /// Where they come from.
    member _.Catalog = catalog

    /// Those that the run uses, by kind and id.
    member _.Used: IReadOnlyList<UsedPlugin> = Seq.toArray used.Values :> _

    /// SHA-256 of their assemblies by "<kind>/<id>".
    member _.Hashes: IReadOnlyDictionary<string, string> =
        let hashes = SortedDictionary<string, string>(StringComparer.Ordinal)

        for plugin in used do
            hashes[plugin.Key] <- plugin.Value.Sha256

        hashes

    /// Counts one that somebody else has made among them.
    member _.Note(descriptor: PluginDescriptor) =
        used[$"{descriptor.Kind.ToString().ToLowerInvariant()}/{descriptor.Id}"] <- UsedPlugin descriptor

    /// One that the run uses in a line: id, version, options and hash.
    member _.Text(kind: PluginKind, choice: PluginChoice) =
        let plugin = used[$"{kind.ToString().ToLowerInvariant()}/{choice.Id}"]
        $"{plugin.Id} {plugin.Version} {choice.Options} {plugin.Sha256}\n"

    /// A new one with a section's options.
    member this.Make<'T>(kind: PluginKind, choice: PluginChoice) : 'T =
        let instance = RecipePlugins.Create(catalog, kind, choice)
        owned.Add instance
        this.Note instance.Descriptor
        PluginNames.give instance.Plugin (PluginNames.ofKind kind choice.Id)
        instance.Plugin :> obj :?> 'T

    interface IDisposable with
        member _.Dispose() =
            for instance in Seq.rev owned do
                instance.Dispose()
