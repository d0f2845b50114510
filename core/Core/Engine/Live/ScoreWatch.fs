namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Text.Json.Nodes

/// Since when the scores of a stage have not been better than before.
/// delta: by how much a score has to be better to count.
[<Sealed>]
type internal ScoreWatch(delta: float) =
    let best = SortedDictionary<string, float>(StringComparer.Ordinal)

    /// The best scores so far, by role; "" where one score is the whole stage's.
    member _.Best: IReadOnlyDictionary<string, float> = best

    /// Epochs done when one of them was last better.
    member val Since = 0L with get, set

    /// The scores after so many epochs, higher is better. Whether one of them is the best so far.
    member this.Offer(scores: KeyValuePair<string, float> seq, epoch: int64) : bool =
        let mutable better = false

        for score in scores do
            let isBetter =
                match best.TryGetValue score.Key with
                | true, known -> score.Value > known + delta
                | _ -> not (Double.IsNaN score.Value)

            if isBetter then
                best[score.Key] <- score.Value
                better <- true

        if better then
            this.Since <- epoch

        better

    /// For another stage.
    member this.Clear() =
        best.Clear()
        this.Since <- 0L

    /// As checkpoints hold it.
    member this.Save() : JsonObject =
        let scores = JsonObject()

        for entry in best do
            scores[entry.Key] <- JsonValue.Create entry.Value

        JsonObject(dict [ "since", JsonValue.Create this.Since :> JsonNode; "best", scores :> JsonNode ])

    /// Takes over what was saved; null for nothing.
    member this.Load(saved: JsonNode) =
        this.Clear()

        if not (isNull saved) then
            this.Since <- saved["since"].GetValue<int64>()

            for entry in saved["best"].AsObject() do
                best[entry.Key] <- entry.Value.GetValue<float>()
