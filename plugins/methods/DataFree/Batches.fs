namespace KdPlugins.DataFree

open System
open TorchSharp
open TorchSharp.Modules
open KdPlugins.Core
open KdPlugins.Torch

/// What several batches share: a generator that each batch's own begins from, and that learns from what became of it.
[<Sealed>]
type internal MetaGenerator(context: IPlanContext, o: DataFreeOptions, s: Settings, own: torch.nn.Module) =
    let pairs =
        [|
            for struct (name, p) in own.named_parameters () do
                let kept = new Parameter(p.detach().clone(), true)
                context.State.Register($"meta.{name}", kept)
                struct (name, kept, p)
        |]

    let sums: torch.Tensor[] = Array.zeroCreate pairs.Length

    let trainable =
        let adam =
            OptimiserSettings(Name = "adam", LearningRate = s.Rate * float s.Steps, Beta1 = s.Beta1, Beta2 = s.Beta2)

        Trainable("meta", [| for struct (name, kept, _) in pairs -> struct (name, kept) |], adam, (fun _ -> 1.0))

    let firstOf (kind: torch.nn.Module -> bool) =
        own.named_modules ()
        |> Seq.tryPick (fun struct (name, m) -> if kind m then Some $"{name}." else None)

    /// Which it trains.
    member _.Trainable = trainable

    /// The batch's generator begins where this one is.
    member _.Begin() =
        Array.fill sums 0 sums.Length null

        for struct (_, kept, p) in pairs do
            p.copy_ kept |> ignore

    /// Adds up what the batch's generator was told to do: an update of it is done.
    member _.Gather() =
        pairs
        |> Array.iteri (fun i struct (_, _, p) ->
            let g = p.grad
            sums[i] <- if isNull sums[i] then g.clone () else sums[i] + g)

    /// FOMAML: the gradient is the plain sum of all inner gradients. REPTILE: a factor times the way that the copy went.
    member _.Learn(step: IStepContext) =
        pairs
        |> Array.iteri (fun i struct (_, kept, p) ->
            kept.grad <-
                match o.MetaUpdate with
                | MetaUpdate.Reptile -> (kept.detach () - p.detach ()).mul(o.ReptileFactor.ToScalar())
                | _ -> sums[i])

        step.Apply trainable

        for struct (_, kept, _) in pairs do
            kept.grad <- null

    /// Draws the first linear layer and the first batch norm anew: weights of both from N(0, 0.02), no biases.
    member _.Reset(key: RandomKey) =
        let first =
            [ firstOf (fun m -> m :? Linear); firstOf (fun m -> m :? BatchNorm2d) ]
            |> List.choose id

        for struct (name, kept, _) in pairs do
            if first |> List.exists (fun f -> name.StartsWith(f, StringComparison.Ordinal)) then
                if name.EndsWith("weight", StringComparison.Ordinal) then
                    kept.copy_ (Players.Normal(key.Derive name, kept.shape, kept.device).mul(0.02.ToScalar()))
                    |> ignore
                else
                    kept.zero_ () |> ignore

/// Batches of images of a generator that learns for each of them, together with the vectors they are made of.
[<Sealed>]
type internal Batches
    (
        context: IPlanContext,
        o: DataFreeOptions,
        s: Settings,
        players: Players,
        set: SyntheticSet,
        generator: ILatentGenerator,
        size: int64
    ) =
    let z =
        SmallSet.Zeros(context, "z", torch.ScalarType.Float32, [| size; generator.Latent |], trained = true)

    let contrasting =
        if s.Contrast > 0.0 then
            Contrasting(context, o, s)
        else
            Unchecked.defaultof<_>

    let shape = Array.append [| size |] (Seq.toArray context.Data.InputShape)

    let best =
        BestImages(context, shape, (if s.Contrast > 0.0 then contrasting.Length else 0L))

    let meta =
        if s.Meta then
            MetaGenerator(context, o, s, generator.Module)
        else
            Unchecked.defaultof<_>

    let adam (rate: double) =
        OptimiserSettings(Name = "adam", LearningRate = rate, Beta1 = s.Beta1, Beta2 = s.Beta2)

    // Of one batch alone.
    let own =
        [|
            Trainable.Of("generator", generator.Module, adam s.Rate, (fun _ -> 1.0))
            Trainable("z", [| struct ("z", z) |], adam s.LatentRate, (fun _ -> 1.0))
        |]

    let inner =
        if s.Contrast > 0.0 then
            Array.append own [| contrasting.Trainable |]
        else
            own

    let resetAt =
        if o.ResetAt.HasValue then
            int64 o.ResetAt.Value
        else
            s.WarmUp + 120L

    // CMI: weights of convolutions and linear layers from N(0, 0.02), of batch norms from N(1, 0.02), no biases.
    let redraw (key: RandomKey) =
        for struct (name, m) in generator.Module.named_modules () do
            for struct (part, p) in m.named_parameters (recurse = false) do
                if part = "weight" then
                    let centre = if m :? BatchNorm2d then 1.0 else 0.0
                    let drawn = Players.Normal(key.Derive name, p.shape, p.device)
                    p.copy_ (drawn.mul(0.02.ToScalar()).add(centre.ToScalar())) |> ignore
                else
                    p.zero_ () |> ignore

    let start (step: IStepContext) (item: int64) =
        best.Begin()

        for trainable in own do
            step.Restart trainable


        z.copy_ (Players.Normal(step.Random.Derive "z", z.shape, context.Device))
        |> ignore

        if s.Redrawn then
            redraw (step.Random.Derive "weights")

        if s.Meta then
            if item = resetAt then
                meta.Reset(step.Random.Derive "reset")

            meta.Begin()

    let objective (isTaught: bool) (step: IStepContext) (number: int64) =
        let item = number / s.Steps
        let key = step.Random.Derive("views").Derive number
        let random = SeededRandom key.Value
        let images = (generator.Decode z).to_type torch.ScalarType.Float32

        let view =
            if s.GlobalView then
                Views.Global(images, random)
            else
                images

        let loss () = players.Loss(step, view, set.ClassesOf(item, size), isTaught)

        if s.Contrast = 0.0 then
            best.See(images, null)
            loss ()
        else
            let struct (loss, globals) = contrasting.Watch loss

            let local =
                step.EvaluationView(o.Teacher, Batch.Generated(Views.Local(images, random)))

            let struct (_, locals) =
                contrasting.Watch(fun () -> step.Through(o.Teacher, local, null))

            let struct (contrast, both) =
                contrasting.Loss(step, key.Derive "bank", globals, locals)

            best.See(images, both)
            loss.add (contrast.mul (s.Contrast.ToScalar()))

    let after (value: torch.Tensor) =
        best.Offer value

        if s.Meta then
            meta.Gather()

    let keep (_: int64) =
        set.Append best.Images
        players.Remember()

        if s.Contrast > 0.0 then
            contrasting.Keep best.Beside

    let loop (isTaught: bool) = ItemLoop(s.Steps, inner, start, objective isTaught, after, keep)
    let alone, taught = loop s.AdversarialAtOnce, loop true
    // A meta-gradient is one step's: its inner updates cannot be told apart by steps.
    let atOnce = not s.Redrawn

    /// What a stage that makes images trains.
    member _.Trainables =
        if s.Meta then
            Array.append inner [| meta.Trainable |]
        else
            inner

    /// Steps of a batch: one where its updates are few, else one for each.
    member _.PerBatch = if atOnce then 1L else s.Steps

    /// See Pooled.
    member _.Synthesise(step: IStepContext, number: int64, isLast: bool) =
        let loop =
            if number < s.WarmUp * (if atOnce then 1L else s.Steps) then
                alone
            else
                taught

        if atOnce then
            for e in 0L .. s.Steps - 1L do
                loop.Iterate(step, number * s.Steps + e, false)
        else
            loop.Iterate(step, number, isLast)

        if s.Meta then
            use _ = torch.no_grad ()
            meta.Learn step
