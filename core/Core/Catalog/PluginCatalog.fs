namespace KdPlugins.Core

open System
open System.Collections.Generic

/// A plugin as the host knows it, without having made an instance.
[<Sealed>]
type PluginDescriptor
    (
        kind: PluginKind,
        id: string,
        version: string,
        description: string,
        paper: string,
        assembly: string,
        sha256: string,
        optionsType: Type,
        folder: string
    ) =

    /// A plugin that comes from no folder.
    new(kind, id, version, description, paper, assembly, sha256, optionsType) =
        PluginDescriptor(kind, id, version, description, paper, assembly, sha256, optionsType, "")

    /// What it is.
    member _.Kind = kind

    /// The id in recipes.
    member _.Id = id

    /// major.minor.patch.
    member _.Version = version

    /// What it does, one line.
    member _.Description = description

    /// Where it was published; may be empty.
    member _.Paper = paper

    /// The simple name of its assembly.
    member _.Assembly = assembly

    /// SHA-256 of its assembly's file, lower-case hexadecimal; empty where the assembly has no file.
    member _.Sha256 = sha256

    /// The type of its options. Hold it no longer than the catalog: it belongs to the plugin's load context.
    member _.OptionsType = optionsType

    /// The folder of its files, documentation among them; empty where it comes from none.
    member _.Folder = folder

/// An instance of a plugin. Disposing it releases what the composition holds for it.
[<AllowNullLiteral>]
type IPluginInstance =
    inherit IDisposable

    /// What it is.
    abstract Descriptor: PluginDescriptor

    /// The instance, not yet configured.
    abstract Plugin: IPlugin

/// The plugins that are there. The host's is made from a folder; tests make theirs from types.
type IPluginCatalog =

    /// All plugins, ordered by kind and id.
    abstract Plugins: IReadOnlyList<PluginDescriptor>

    /// A new instance. Raises KDP0201 where there is none of that kind and id, with the nearest ids and the reasons of
    /// plugins that were refused.
    abstract Create: kind: PluginKind * id: string -> IPluginInstance
