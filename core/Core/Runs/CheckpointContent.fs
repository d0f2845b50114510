namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Text.Json.Nodes
open TorchSharp

/// Where a run stands: between two steps.
/// stage: the stage's name. stageIndex: its number in the plan, from 0. stageStep: steps done in the stage.
/// step: steps done in the whole run. phase: where in the stage, in the engine's words ("steps", "end").
[<Sealed; AllowNullLiteral>]
type RunPosition(stage: string, stageIndex: int, stageStep: int64, step: int64, phase: string) =

    /// The stage's name.
    member _.Stage = stage

    /// The stage's number in the plan, from 0.
    member _.StageIndex = stageIndex

    /// Steps done in the stage.
    member _.StageStep = stageStep

    /// Steps done in the whole run; what events are ordered by.
    member _.Step = step

    /// Where in the stage, in the engine's words.
    member _.Phase = phase

    override _.ToString() = $"stage {stage} ({phase}), step {stageStep} of it, step {step} of the run"

/// What a checkpoint belongs to. The first four refuse a resume where they differ; build and libtorch only decide
/// whether numbers can be expected to be equal bit for bit.
/// recipe: SHA-256 of the resolved recipe. plugins: SHA-256 of the assembly by "<kind>/<id>". networks: SHA-256 of the
/// weights of frozen networks by role. data: fingerprint by source. build: version of this product. libtorch: its
/// version and device.
[<Sealed; AllowNullLiteral>]
type RunIdentity
    (
        recipe: string,
        plugins: IReadOnlyDictionary<string, string>,
        networks: IReadOnlyDictionary<string, string>,
        data: IReadOnlyDictionary<string, string>,
        build: string,
        libtorch: string
    ) =

    static let shorten (hash: string) =
        if isNull hash then "none"
        elif hash.Length > 12 then hash.Substring(0, 12) + "..."
        else hash

    static let differ (what: string) (saved: string) (now: string) =
        if String.Equals(saved, now, StringComparison.Ordinal) then
            []
        else
            [ $"{what} was {shorten saved}, is {shorten now}" ]

    static let differing (what: string) (saved: IReadOnlyDictionary<string, string>) (now: IReadOnlyDictionary<_, _>) =
        let get (all: IReadOnlyDictionary<string, string>) key =
            match all.TryGetValue key with
            | true, value -> value
            | _ -> null

        Seq.append saved.Keys now.Keys
        |> Seq.distinct
        |> Seq.sortWith (fun a b -> String.CompareOrdinal(a, b))
        |> Seq.collect (fun key -> differ $"{what} '{key}'" (get saved key) (get now key))
        |> Seq.toList

    /// SHA-256 of the resolved recipe.
    member _.Recipe = recipe

    /// SHA-256 of the plugins' assemblies by "<kind>/<id>".
    member _.Plugins = plugins

    /// SHA-256 of the weights of frozen networks by role.
    member _.Networks = networks

    /// Fingerprints of the data by source.
    member _.Data = data

    /// The version of this product.
    member _.Build = build

    /// libtorch's version and device.
    member _.LibTorch = libtorch

    /// The same of another recipe.
    member internal _.WithRecipe(other: string) = RunIdentity(other, plugins, networks, data, build, libtorch)

    /// What speaks against going on under another identity with a checkpoint of this one, a line each; empty for nothing.
    member _.Contradictions(now: RunIdentity) : IReadOnlyList<string> =
        [|
            yield! differ "the recipe" recipe now.Recipe
            yield! differing "plugin" plugins now.Plugins
            yield! differing "network" networks now.Networks
            yield! differing "data" data now.Data
        |]

    /// Why numbers may differ in the last bits from those of an uninterrupted run, a line each; empty for nothing.
    member _.EnvironmentChanges(now: RunIdentity) : IReadOnlyList<string> =
        [|
            yield! differ "the build" build now.Build
            yield! differ "libtorch" libtorch now.LibTorch
        |]

/// Which checkpoints stay when a new one is safely on disk: the newest ones, every stage's best by score, every one
/// that ended a stage.
/// newest: how many of the newest stay, at least 1.
[<Sealed>]
type KeepPolicy(newest: int) =

    /// How many of the newest stay.
    member _.Newest = newest

    /// Whether every stage's checkpoint of the highest score stays.
    member val Best = true with get, set

    /// Whether those that ended a stage stay.
    member val StageEnds = true with get, set

/// What goes into a checkpoint, gathered by name.
/// position: where the run stands.
[<Sealed>]
type CheckpointContent(position: RunPosition) =

    /// Where the run stands.
    member _.Position = position

    /// Tensors by section, then by name; a section becomes one safetensors file. Of any dtype that safetensors has, any
    /// layout and device; they are only read.
    member val Sections = SortedDictionary<string, IReadOnlyDictionary<string, torch.Tensor>>(StringComparer.Ordinal)

    /// Whole numbers by name.
    member val Counters = SortedDictionary<string, int64>(StringComparer.Ordinal)

    /// Whatever else is small: positions in data, best scores, metric history. Finite doubles come back bit for bit.
    member val Facts = JsonObject() with get, set

    /// How good this state is, higher is better; null where nobody has measured it.
    member val Score = Nullable<double>() with get, set

    /// Whether a stage has just ended.
    member val IsStageEnd = false with get, set

/// A checkpoint in a run's folder.
/// name: of its folder. number: grows with every save. created: when it was written. bytes: of all its files.
[<Sealed; AllowNullLiteral>]
type CheckpointInfo
    (
        name: string,
        path: string,
        number: int64,
        position: RunPosition,
        score: Nullable<double>,
        isStageEnd: bool,
        created: DateTimeOffset,
        bytes: int64
    ) =

    /// The name of its folder.
    member _.Name = name

    /// The folder's full path.
    member _.Path = path

    /// Grows with every save of the run.
    member _.Number = number

    /// Where the run stood.
    member _.Position = position

    /// See CheckpointContent.Score.
    member _.Score = score

    /// Whether it ended a stage.
    member _.IsStageEnd = isStageEnd

    /// When it was written.
    member _.Created = created

    /// The size of all its files.
    member _.Bytes = bytes
