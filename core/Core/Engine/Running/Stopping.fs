/// Why a stage ends before its time.
module internal KdPlugins.Core.Stopping

open System.Collections.Generic

/// Because its scores have become no better for too long; null where it goes on. found: what was evaluated. own: the scores that
/// choose the best state, by role, "" for the whole stage's.
let early
    (cursor: Cursor)
    (section: EarlyStoppingSection)
    (stage: string)
    (found: Evaluation[])
    (own: KeyValuePair<string, float>[])
    (progress: Progress)
    : string =
    if section.IsNone then
        null
    else
        if isNull (box cursor.Stopping) then
            cursor.Stopping <- ScoreWatch section.Delta

        let scores =
            match section.Value with
            | null -> own
            | value -> found |> Array.map (fun e -> KeyValuePair(e.Role, e.ScoreOf value))

        cursor.Stopping.Offer(scores, progress.Epoch) |> ignore
        let without = progress.Epoch - cursor.Stopping.Since

        if
            scores.Length > 0
            && without >= section.Patience
            && progress.Step < progress.TotalSteps
        then
            let what = if isNull section.Value then "score" else section.Value

            $"Stage '{stage}' ends after epoch {progress.Epoch} of {progress.TotalEpochs}: its {what} was best after epoch {cursor.Stopping.Since} (training.earlyStopping.patience is {section.Patience})."
        else
            null

/// Because its minutes are over; null where they are not. spent: the seconds that it has taken.
let outOfTime (section: TrainingSection) (stage: string) (spent: float) (progress: Progress) : string =
    let most = section.MaxMinutes

    if most > 0.0 && progress.Step < progress.TotalSteps && spent >= 60.0 * most then
        $"Stage '{stage}' ends after step {progress.Step} of {progress.TotalSteps}, in epoch {progress.Epoch + 1L} of {progress.TotalEpochs}: its training.maxMinutes of {most} are over."
    else
        null
