namespace KdPlugins.Core

open System.Text.Json.Nodes

/// The factor on a learning rate that is lowered whenever the scores become no better.
[<Sealed>]
type internal Plateau(section: ScheduleSection) =
    let watch = ScoreWatch 0.0
    let isMeant = section.Name = "plateau"
    // Epochs done when the factor was last lowered.
    let mutable lowered = 0L

    /// The factor of the moment, 1 at the beginning of a stage.
    member val Factor = 1.0 with get, set

    /// The scores after so many epochs, higher is better.
    member this.Offer(scores, epoch: int64) =
        if isMeant then
            watch.Offer(scores, epoch) |> ignore

            if epoch - max watch.Since lowered >= section.Patience then
                lowered <- epoch
                this.Factor <- max section.Minimum (this.Factor * section.Factor)

    /// For another stage.
    member this.Clear() =
        watch.Clear()
        lowered <- 0L
        this.Factor <- 1.0

    /// As checkpoints hold it.
    member this.Save() : JsonObject =
        let node = watch.Save()
        node["lowered"] <- JsonValue.Create lowered
        node["factor"] <- JsonValue.Create this.Factor
        node

    /// Takes over what was saved; null for nothing.
    member this.Load(saved: JsonNode) =
        this.Clear()

        if not (isNull saved) then
            watch.Load saved
            lowered <- saved["lowered"].GetValue<int64>()
            this.Factor <- saved["factor"].GetValue<float>()
