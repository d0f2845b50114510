namespace KdPlugins.DataFree

open System
open TorchSharp
open KdPlugins.Core

/// Batches of images that are made one after the other and kept, and a student that learns from all of them: first some
/// batches alone, then both in turn.
/// synthesise: one update of batch number div N; takes whether the student's term counts, and whether it is the stage's last
/// step. perBatch: N, the steps of a batch. trainables: of it.
[<Sealed>]
type internal Pooled
    (
        context: IPlanContext,
        o: DataFreeOptions,
        s: Settings,
        players: Players,
        synthesise: Action<IStepContext, int64, bool>,
        perBatch: int64,
        trainables: Trainable[]
    ) =
    let student = context.TrainableOf o.Student
    let again = if s.GoesOn then perBatch else 0L
    let round = s.StudentSteps + again

    let make (step: IStepContext) (number: int64) =
        if number % perBatch = 0L then
            players.Look()

        synthesise.Invoke(step, number, (step.Progress.Step = step.Progress.TotalSteps - 1L))

    let learn (step: IStepContext) =
        let objective () = players.Learn(step, step.View(o.Student, step.Next Pooled.Source))
        step.Update([| student |], objective) |> ignore

    // The student first: there are images already.
    let turn (step: IStepContext) =
        let cycle, place = step.Progress.Step / round, step.Progress.Step % round

        if place < s.StudentSteps then
            learn step
        else
            make step ((s.WarmUp + cycle) * perBatch + place - s.StudentSteps)

    /// The name of the source.
    static member Source = "synthetic"

    /// How many images will be made.
    static member Made(context: IPlanContext, o: DataFreeOptions, s: Settings, size: int64) : int64 =
        let later =
            if s.GoesOn then
                context.Training.Epochs * int64 o.Rounds - 1L
            else
                0L

        (s.WarmUp + later) * size

    /// "synthesise", then "distil"; nothing is made after the student's last update.
    member _.Stages: Stage[] =
        [|
            Stage(
                "synthesise",
                StageLength.Steps(s.WarmUp * perBatch),
                (fun step -> make step step.Progress.Step),
                Trainables = trainables
            )
            Stage(
                "distil",
                StageLength.Steps(context.Training.Epochs * int64 o.Rounds * round - again),
                turn,
                StepsPerEpoch = int64 o.Rounds * round,
                Trainables = Array.append [| student |] (if s.GoesOn then trainables else [||]),
                Trains = [| o.Student |],
                Evaluates = [| o.Student |]
            )
        |]
