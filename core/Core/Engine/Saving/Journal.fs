namespace KdPlugins.Core

open System
open System.Collections.Generic
open KdPlugins.Torch

/// What a run writes down while it goes on: the event log, without which it does not go on, and the same numbers for
/// TensorBoard, whose failures are reported once and stop nothing.
/// saved: what the run goes on from; null to begin.
[<Sealed>]
type internal Journal(folder: RunFolder, saved: LoadedCheckpoint, warn: Action<string>) =
    let events = EventLog.Resume(folder, saved)
    let mutable board: TensorBoardWriter = null

    let warned (message: string) =
        events.Note("warning", message)
        warn.Invoke message

    let closeBoard () =
        if not (isNull board) then
            board.Dispose()
            board <- null

    let onBoard (write: unit -> unit) =
        try
            write ()
        with :? KdException as failure ->
            closeBoard ()
            warned $"TensorBoard's file is not written any further: {failure.Message}"

    do
        onBoard (fun () ->
            let step = if isNull saved then -1L else saved.Position.Step
            board <- TensorBoardWriter.Resume(folder, step))

    let scalars (step: int64) (tagOf: string -> string) (values: IReadOnlyDictionary<string, double>) =
        if not (isNull board) then
            onBoard (fun () ->
                let tagged = Dictionary<string, double>()

                for value in values do
                    tagged[tagOf value.Key] <- value.Value

                board.Scalars(step, tagged))

    /// Means of the steps up to this one. TensorBoard's tags are "train/<stage>/<name>".
    member _.Means(stage: string, step: int64, values: IReadOnlyDictionary<string, double>) =
        events.Append("step", stage, step, values)
        scalars step (fun name -> $"train/{stage}/{name}") values

    /// A network's evaluation. TensorBoard's tags are "<source>/<role>/<metric>".
    member _.Evaluated(stage: string, step: int64, found: Evaluation) =
        let values = Dictionary<string, double>()

        for value in found.Values do
            values[$"{found.Role}.{found.Source}.{value.Key}"] <- value.Value

        events.Append("evaluation", stage, step, values)
        scalars step (fun metric -> $"{found.Source}/{found.Role}/{metric}") found.Values

    /// A stage is done. why: what ended it before its time; empty for nothing.
    member _.StageDone(stage: string, step: int64, why: string) =
        events.Append("stage", stage, Nullable step, null, why)

    /// The run goes on with a changed recipe: an event.
    member _.Changed(message: string) = events.Note("changed", message)

    /// Something the person ought to know: an event, and the observer is told.
    member _.Warn(message: string) = warned message

    interface IDisposable with
        member _.Dispose() =
            closeBoard ()
            events.Dispose()
