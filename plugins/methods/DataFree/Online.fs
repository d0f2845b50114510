namespace KdPlugins.DataFree

open System
open TorchSharp
open KdPlugins.Core

/// A generator that learns beside the student, round by round; its images are used once.
[<Sealed>]
type internal Online
    (context: IPlanContext, o: DataFreeOptions, s: Settings, players: Players, generator: ILatentGenerator) =
    let student = context.TrainableOf o.Student

    let maker =
        let adam =
            OptimiserSettings(
                Name = "adam",
                LearningRate = s.Rate,
                Beta1 = s.Beta1,
                Beta2 = s.Beta2,
                ClipNorm = s.ClipNorm
            )

        Trainable.Of(
            "generator",
            generator.Module,
            adam,
            (if s.Scheduled then
                 null
             else
                 Func<Progress, double>(fun _ -> 1.0))
        )

    let size =
        if o.BatchSize.HasValue then
            int64 o.BatchSize.Value
        else
            context.Training.BatchSize

    let draw (step: IStepContext) (purpose: string) (n: int64) =
        Players.Normal(step.Random.Derive(purpose).Derive n, [| size; generator.Latent |], context.Device)

    let view (step: IStepContext) (images: torch.Tensor) = step.EvaluationView(o.Student, Batch.Generated images)

    let loss (step: IStepContext) (images: torch.Tensor) =
        let value = players.Loss(step, images, null, true)
        step.Report("images", value)
        value

    // L = L_G + KD(S(x.detach), T(x.detach)), one backward pass.
    let together (step: IStepContext) =
        let both (i: int64) () =
            let images = generator.Decode(draw step "z" i)
            (loss step images).add(players.Learn(step, view step (images.detach ())))

        for i in 0L .. s.StudentSteps - 1L do
            step.Update([| maker; student |], both i) |> ignore

    let apart (step: IStepContext) =
        for i in 0L .. s.Steps - 1L do
            step.Update([| maker |], (fun () -> loss step (generator.Decode(draw step "z" i))))
            |> ignore

        for i in 0L .. s.StudentSteps - 1L do
            // One at a time: only what the student sees of it is to live.
            use _ = torch.NewDisposeScope()

            let z =
                if s.SameLatent then
                    draw step "z" (s.Steps - 1L)
                else
                    draw step "student" i

            let images = step.WithoutGraph(fun () -> generator.Decode z)

            step.Update([| student |], (fun () -> players.Learn(step, view step images)))
            |> ignore

    let round (step: IStepContext) =
        players.Look()
        if s.Joint then together step else apart step

        if s.Norms > 0.0 then
            use _ = torch.no_grad ()
            players.Remember()

    /// "distil": a step is a round.
    member _.Stages: Stage[] =
        [|
            Stage(
                "distil",
                StageLength.Epochs context.Training.Epochs,
                round,
                StepsPerEpoch = int64 o.Rounds,
                Trainables = [| maker; student |],
                Trains = [| o.Student |],
                Evaluates = [| o.Student |]
            )
        |]
