namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Reflection
open System.Text
open KdPlugins.Torch

/// A catalog for reading a recipe and for what follows: the plugins that are made to check the recipe's options are handed to the
/// first run or check of it, so that each section is made once. Dispose it after them.
[<Sealed>]
type MadePlugins(catalog: IPluginCatalog) =
    let made = Dictionary<struct (PluginKind * PluginChoice), Stack<IPluginInstance>>()

    /// Keeps one that has these options.
    member internal _.Keep(kind: PluginKind, choice: PluginChoice, instance: IPluginInstance) =
        let key = struct (kind, choice)

        if not (made.ContainsKey key) then
            made[key] <- Stack()

        made[key].Push instance

    /// Gives one away; null where there is none.
    member internal _.Take(kind: PluginKind, choice: PluginChoice) : IPluginInstance =
        match made.TryGetValue(struct (kind, choice)) with
        | true, kept when kept.Count > 0 -> kept.Pop()
        | _ -> null

    /// Disposes what nobody has taken.
    member _.Dispose() =
        for kept in made.Values do
            while kept.Count > 0 do
                kept.Pop().Dispose()

    interface IPluginCatalog with
        member _.Plugins = catalog.Plugins
        member _.Create(kind, id) = catalog.Create(kind, id)

    interface IDisposable with
        member this.Dispose() = this.Dispose()

/// Makes configured plugins of recipe sections.
[<AbstractClass; Sealed>]
type RecipePlugins private () =

    static let emptyObject = JsonTrees.object [||] { Line = 0; Column = 0; Origin = null }

    static let reason (e: exn) =
        match e with
        | :? KdException as known -> known.Detail
        | :? TargetInvocationException as t when not (isNull t.InnerException) -> t.InnerException.Message
        | other -> other.Message

    static let createNew (catalog: IPluginCatalog) (kind: PluginKind) (choice: PluginChoice) : IPluginInstance =
        let instance = catalog.Create(kind, choice.Id)

        try
            let syntax = FailureSink null
            let tree = JsonTreeReader.read (Encoding.UTF8.GetBytes choice.Options) null syntax
            let failures = if isNull tree then syntax else FailureSink tree

            if not (isNull tree) then
                RecipePlugins.Configure(instance, tree, [], failures) |> ignore

            failures.Throw $"The options of '{choice.Id}'"
            instance
        with _ ->
            instance.Dispose()
            reraise ()

    /// Binds options and hands them to an instance; what a plugin's own checks say joins the failures.
    /// The options that hold, as JSON; nothing where something failed.
    static member internal Configure
        (instance: IPluginInstance, tree: JsonTree, path: JsonPath, failures: FailureSink)
        : string option =
        let tree =
            if isNull tree || tree.Kind = JsonKind.Null then
                emptyObject
            else
                tree

        match OptionsBinder.BindTree(instance.Plugin.OptionsType, tree, path, failures) with
        | ValueNone -> None
        | ValueSome options ->
            try
                let text = OptionsBinder.ToJson options
                instance.Plugin.Configure options
                Some text
            with
            | :? KdException as e when Object.ReferenceEquals(e.Code, RecipeErrors.OptionsType) ->
                failures.Add(RecipeErrors.OptionsType, path, e.Detail.TrimEnd '.', "", "")
                None
            | e ->
                let why = (reason e).TrimEnd '.'

                failures.Add(
                    RecipeErrors.Refused,
                    path,
                    $"'{instance.Descriptor.Id}' refuses its options: {why}",
                    "",
                    ""
                )

                None

    /// An instance with a section's options: a new one, unless the catalog has kept the one that the recipe was checked with.
    /// Raises KDP0201 for an unknown id, RecipeException for options that do not fit the plugin, as when it has changed since
    /// the recipe was read.
    static member Create(catalog: IPluginCatalog, kind: PluginKind, choice: PluginChoice) : IPluginInstance =
        match catalog with
        | :? MadePlugins as made ->
            match made.Take(kind, choice) with
            | null -> createNew catalog kind choice
            | kept -> kept
        | _ -> createNew catalog kind choice
