namespace KdPlugins.Core

open System.Collections.Generic
open System.Text.Json.Nodes
open TorchSharp
open KdPlugins.Torch

/// (x - Mean) / Std, one number per channel.
type internal Normalisation = { Mean: float32[]; Std: float32[] }

/// An augmentation that belongs to evaluations.
type internal PreprocessingStep =
    {
        Id: string

        /// JSON, with every value written out.
        Options: string

        /// None where it is another operation.
        Normalisation: Normalisation option
    }

/// What an evaluation does to samples between the data set and a role's network.
type internal Preprocessing =
    {
        Steps: PreprocessingStep[]

        /// All of it in one, that of no step too; None where it is another operation, and where samples are no images.
        Normalisation: Normalisation option
    }

/// What is done is found by doing it, for options do not say it all and plugins are free in what they do.
module internal Preprocessing =

    let private probes = 16L
    let private tolerance = 1e-5

    /// Images of the data set and noise, float [N, C, H, W].
    let private probe (run: LiveRun) (dtype: torch.ScalarType) : Batch =
        let source = (run.Feed "train").Source
        let chosen = SampleChoice.choose source (min probes source.Count)

        let batch =
            source.Read(System.ReadOnlyMemory chosen) |> BatchTensors.toDevice run.Device

        use random = RandomKey(0UL).Derive("preprocessing").NewGenerator(torch.CPU)

        let noise =
            torch.rand(batch.Input.shape, dtype, generator = random).``to`` run.Device

        let real = batch.Count / 2L
        let input = batch.Input.to_type dtype

        batch.WithInput(torch.cat ([| input.narrow (0L, 0L, real); noise.narrow (0L, real, batch.Count - real) |], 0L))

    /// The normalisation that makes one of the other, if there is one.
    let private between (before: Batch) (after: Batch) : Normalisation option =
        let x, y = before.Input, after.Input

        if x.dim () <> 4L || y.shape <> x.shape then
            None
        else
            let rows (t: Tensor) = t.to_type(torch.ScalarType.Float64).transpose(0L, 1L).flatten(1L).cpu() // [C, N]
            let x, y = rows x, rows y
            let mean (t: Tensor) = t.mean ([| 1L |], keepdim = true)
            let dx, dy = x - mean x, y - mean y

            // y = slope x + start by least squares.
            let slope = (dx * dy).sum(1L, keepdim = true) / (dx * dx).sum(1L, keepdim = true)

            let start = mean y - slope * mean x
            let off = (y - (slope * x + start)).abs().max().item<double>()
            let most = max 1.0 (y.abs().max().item<double>())

            if slope.min().item<double>() > 0.0 && off <= tolerance * most then
                let numbers (t: Tensor) =
                    t.flatten().data<double>().ToArray()
                    |> Array.map (fun v -> if abs v < 1e-9 then 0.0f else float32 v)

                Some
                    {
                        Mean = numbers (-start / slope)
                        Std = numbers (slope.pow (-1.0.ToScalar()))
                    }
            else
                None

    /// Of each augmentation, and of all together.
    let private measure (run: LiveRun) (all: IAugmentation[]) (dtype: torch.ScalarType) =
        use _ = torch.NewDisposeScope()
        use _ = torch.no_grad ()
        let context = Evaluator.context run (Progress("", 0L, 0L, 1L)) :> IPartContext

        let seen =
            all
            |> Array.scan (fun batch one -> Pipeline.apply [| one |] context batch) (probe run dtype)

        let each = Array.pairwise seen |> Array.map (fun (a, b) -> between a b)
        struct (each, between seen[0] (Array.last seen))

    let private choices (recipe: Recipe) (run: LiveRun) =
        let found = Dictionary<IAugmentation, PluginChoice>(HashIdentity.Reference)

        let add (made: seq<IAugmentation>) (chosen: seq<PluginChoice>) =
            for one, choice in Seq.zip made chosen do
                found[one] <- choice

        add run.Shared (recipe.AugmentationsOf Recipe.Shared)

        for model in recipe.Models do
            add run.Roles[model.Role].Augmentations (recipe.AugmentationsOf model.Role)

        found

    /// That of a role's evaluations.
    let ofRole (recipe: Recipe) (run: LiveRun) (role: string) : Preprocessing =
        let all =
            Seq.append run.Shared (run.Role role).Augmentations
            |> Seq.filter _.InEvaluation
            |> Seq.toArray

        let none = struct (Array.create all.Length None, None)

        let struct (each, whole) =
            if run.Infos["train"].Kind <> InputKind.Image then
                none
            else
                // In float64 the numbers come out exactly; who takes float32 alone gets that.
                try
                    measure run all torch.ScalarType.Float64
                with _ ->
                    try
                        measure run all torch.ScalarType.Float32
                    with _ ->
                        none

        let choices = choices recipe run

        let steps =
            Array.map2
                (fun one normalisation ->
                    {
                        PreprocessingStep.Id = choices[one].Id
                        Options = choices[one].Options
                        Normalisation = normalisation
                    })
                all
                each

        { Steps = steps; Normalisation = whole }

    let private numbers (values: float32[]) = JsonArray(values |> Array.map (fun v -> JsonValue.Create v :> JsonNode))

    let private put (node: JsonObject) (normalisation: Normalisation option) =
        match normalisation with
        | Some n ->
            node["mean"] <- numbers n.Mean
            node["std"] <- numbers n.Std
        | None -> ()

    /// {"mean", "std"}; null for None.
    let normalisationJson (normalisation: Normalisation option) : JsonObject =
        match normalisation with
        | None -> null
        | some ->
            let node = JsonObject()
            put node some
            node

    /// Each {"id", "options"}, with "mean" and "std" where it is a normalisation.
    let stepsJson (steps: PreprocessingStep[]) : JsonArray =
        JsonArray(
            steps
            |> Array.map (fun step ->
                let node = JsonObject()
                node["id"] <- JsonValue.Create step.Id
                node["options"] <- JsonNode.Parse step.Options
                put node step.Normalisation
                node :> JsonNode)
        )
