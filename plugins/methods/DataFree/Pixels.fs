namespace KdPlugins.DataFree

open System
open TorchSharp
open TorchSharp.Modules
open KdPlugins.Core
open KdPlugins.Torch

/// Targets that ZSKD draws: what a network that has learned the classes might answer.
[<Sealed>]
type internal Targets(context: IPlanContext, o: DataFreeOptions, teacher: INetwork) =
    let classes = int context.Data.Classes

    let concentrations =
        use _ = torch.NewDisposeScope()

        let last =
            teacher.Module.modules ()
            |> Seq.choose (function
                | :? Linear as l when l.weight.shape[0] = int64 classes -> Some l.weight
                | _ -> None)
            |> Seq.tryLast

        match last with
        | None -> [||]
        | Some weights ->
            let similarity =
                Terms.Similarity(weights.detach().cpu().to_type torch.ScalarType.Float64)

            [|
                for beta in [| 1.0; o.Concentration |] ->
                    Terms.Concentrations(similarity, beta, o.PublishedConcentrations).data<double>().ToArray()
            |]

    /// Whether the teacher ends in a layer that says how alike classes are.
    member _.CanBe = concentrations.Length > 0

    /// Probabilities float [size, C] of a batch, image i of class i mod C; half of each class by the first concentration, half by
    /// the second. They follow from the batch's number.
    member _.Of(item: int64, size: int64) : torch.Tensor =
        let random = SeededRandom(context.Random.Derive("targets").Derive(item).Value)

        let one (image: int64) =
            let c, which = int (image % int64 classes), int (image / int64 classes % 2L)
            let alpha = Array.sub concentrations[which] (c * classes) classes
            let drawn = alpha |> Array.map random.NextGamma
            let sum = Array.sum drawn
            drawn |> Array.map (fun g -> float32 (g / sum))

        let all = [| for i in item * size .. item * size + size - 1L -> one i |]
        torch.tensor(Array.concat all, device = context.Device).view(size, int64 classes)

/// Batches of images whose pixels are optimised.
[<Sealed>]
type internal Pixels
    (context: IPlanContext, o: DataFreeOptions, s: Settings, players: Players, set: SyntheticSet, size: int64) =
    let space = PixelSpace.Of context.Data
    let shape = Array.append [| size |] (Seq.toArray context.Data.InputShape)

    let values =
        SmallSet.Zeros(context, "images", torch.ScalarType.Float32, shape, trained = true)

    let best = BestImages(context, shape, 0L)

    let targets =
        if s.Impression then
            Targets(context, o, context.Network o.Teacher)
        else
            Unchecked.defaultof<_>

    let trainable =
        let adam =
            OptimiserSettings(Name = "adam", LearningRate = s.Rate, Beta1 = s.Beta1, Beta2 = s.Beta2)

        Trainable("images", [| struct ("x", values) |], adam, (fun _ -> 1.0))

    let start (step: IStepContext) (_: int64) =
        best.Begin()
        step.Restart trainable

        let drawn =
            if s.Impression then
                use draws = step.Random.Derive("noise").NewGenerator context.Device
                space.Normalise(torch.rand (shape, device = context.Device, generator = draws))
            else
                Players.Normal(step.Random.Derive "noise", shape, context.Device)

        values.copy_ drawn |> ignore

    let seen (step: IStepContext) (pixels: torch.Tensor) =
        let random = SeededRandom(step.Random.Derive("jitter").Value)
        // Rolled both ways alike: Jitter goes one way, by twice as much.
        let rolled = Inversion.Jitter(pixels, random, false, 2 * int s.Jitter)
        let centred = SynthesisMath.Roll(rolled, -s.Jitter, -s.Jitter)

        if s.Flip && random.NextBool 0.5 then
            centred.flip 3L
        else
            centred

    let objective (isTaught: bool) (step: IStepContext) (number: int64) =
        let item = number / s.Steps
        let pixels = space.ToPixels values
        best.See(pixels, null)

        let wanted =
            if s.Impression then
                targets.Of(item, size)
            else
                set.ClassesOf(item, size)

        players.Loss(step, seen step pixels, wanted, isTaught)

    let after (value: torch.Tensor) =
        best.Offer value

        if s.Clip then
            space.Clamp values

    let keep (_: int64) =
        set.Append best.Images
        players.Remember()

    let loop (isTaught: bool) = ItemLoop(s.Steps, [| trainable |], start, objective isTaught, after, keep)

    let alone, taught = loop s.AdversarialAtOnce, loop true

    member _.CanBe = not s.Impression || targets.CanBe

    member _.Trainables = [| trainable |]

    member _.PerBatch = s.Steps

    member _.Synthesise(step: IStepContext, number: int64, isLast: bool) =
        (if number < s.WarmUp * s.Steps then alone else taught).Iterate(step, number, isLast)
