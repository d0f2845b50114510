namespace KdPlugins.Core

open System
open System.Reflection
open System.Text
open KdPlugins.Torch

/// Makes configured plugins of recipe sections.
[<AbstractClass; Sealed>]
type RecipePlugins private () =

    static let emptyObject = JsonTrees.object [||] { Line = 0; Column = 0; Origin = null }

    static let reason (e: exn) =
        match e with
        | :? KdException as known -> known.Detail
        | :? TargetInvocationException as t when not (isNull t.InnerException) -> t.InnerException.Message
        | other -> other.Message

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

    /// A new instance with a section's options. Raises KDP0201 for an unknown id, RecipeException for options that do
    /// not fit the plugin, as when it has changed since the recipe was read.
    static member Create(catalog: IPluginCatalog, kind: PluginKind, choice: PluginChoice) : IPluginInstance =
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
