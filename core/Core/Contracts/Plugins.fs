namespace KdPlugins.Core

open System

/// The kinds of plugin.
type PluginKind =
    /// Batch in, batch out.
    | Augmentation = 0
    /// Outputs in, scalar out.
    | Loss = 1
    /// Makes training data.
    | Generator = 2
    /// The plan of a method.
    | Strategy = 3
    /// Makes networks.
    | Model = 4
    /// Opens a source of samples.
    | Dataset = 5
    /// Measures networks.
    | Meter = 6
    /// A command.
    | Tool = 7

/// What every plugin is to the host. Authors meet it through the base classes of the SDK.
[<AllowNullLiteral>]
type IPlugin =

    /// The record of the plugin's options. It has a public parameterless constructor; its defaults are the options.
    abstract OptionsType: Type

    /// Sets the options, an instance of OptionsType that has been validated. Called once, before anything else.
    abstract Configure: options: obj -> unit
