namespace KdPlugins.Core

open System
open KdPlugins.Torch

/// What a strategy says about itself once it has its options.
type internal StrategyFacts = { Result: string; Needs: string[] }

/// Binds the plugin sections of a draft against a catalog. A section that fails becomes null here and a failure there; one
/// that could not be read stays null.
[<Sealed>]
type internal PluginBinding(catalog: IPluginCatalog, failures: FailureSink) =

    let create (kind: PluginKind) (id: string) (path: JsonPath) : IPluginInstance =
        try
            catalog.Create(kind, id)
        with :? KdException as e ->
            failures.Add(e.Code, Key "id" :: path, e.Detail.TrimEnd '.', "", "")
            null

    let bind
        kind
        (id: string)
        (options: JsonTree)
        (path: JsonPath)
        (look: IPlugin -> 'a)
        : (PluginChoice * 'a) voption =
        match (if isNull id then null else create kind id path) with
        | null -> ValueNone
        | instance ->
            let bound =
                match RecipePlugins.Configure(instance, options, Key "options" :: path, failures) with
                | None -> ValueNone
                | Some text ->
                    try
                        ValueSome({ PluginChoice.Id = id; Options = text }, look instance.Plugin)
                    with e ->
                        failures.Add(RecipeErrors.Refused, path, $"'{id}' fails: {e.Message.TrimEnd '.'}", "", "")
                        ValueNone

            match bound, catalog with
            | ValueSome(choice, _), (:? MadePlugins as made) -> made.Keep(kind, choice, instance)
            | _ -> instance.Dispose()

            bound

    /// Checks id and options.
    member _.Plugin(kind, path: JsonPath, id: string, options: JsonTree) : PluginChoice =
        match bind kind id options path ignore with
        | ValueSome(choice, ()) -> choice
        | ValueNone -> Unchecked.defaultof<_>

    member this.Plugin(kind, path: JsonPath, draft: PluginDraft) : PluginChoice =
        match box draft with
        | null -> Unchecked.defaultof<_>
        | _ -> this.Plugin(kind, path, draft.Id, draft.Options)

    /// Losses in their order.
    member this.Losses(path: JsonPath, drafts: LossDraft seq) : LossChoice[] =
        drafts
        |> Seq.indexed
        |> Seq.filter (fun (_, draft) -> not (isNull (box draft)))
        |> Seq.map (fun (i, draft) ->
            RecipeChecks.weight failures (Item i :: path) draft

            {
                Loss = this.Plugin(PluginKind.Loss, Item i :: path, draft.Id, draft.Options)
                Weight = draft.Weight
            })
        |> Seq.toArray

    /// A strategy, and what it says about the roles it works on.
    member _.Strategy(path: JsonPath, draft: PluginDraft) : (PluginChoice * StrategyFacts) voption =
        match box draft with
        | null -> ValueNone
        | _ ->
            bind PluginKind.Strategy draft.Id draft.Options path (fun plugin ->
                let strategy = plugin :?> IDistillationStrategy

                {
                    Result = strategy.Result
                    Needs = Seq.toArray strategy.Needs
                })

    /// A meter, and the names of all that it may give.
    member _.Meter(path: JsonPath, draft: PluginDraft) : (PluginChoice * string[]) voption =
        match box draft with
        | null -> ValueNone
        | _ ->
            bind PluginKind.Meter draft.Id draft.Options path (fun plugin ->
                (plugin :?> IMeter).Values |> Seq.map _.Name |> Seq.toArray)

/// What the binding of every section works with.
type internal BindingScope =
    {
        Failures: FailureSink
        Plugins: PluginBinding
        Draft: RecipeDraft
    }
