namespace KdPlugins.Core

open System
open System.Globalization

/// Batches that are smaller than the recipe says because there are not so many samples.
module internal BatchSizeCheck =

    let private number (n: int64) = n.ToString("N0", CultureInfo.InvariantCulture)

    /// Tells of every phase whose batches a source cannot fill, with the number that is used.
    let warn (composition: Composition) (tell: string -> unit) =
        let feeds = composition.Run.Feeds

        for phase in composition.Phases do
            let size = phase.Training.BatchSize
            let owner = if phase.Name = "" then "" else $" of phase '{phase.Name}'"

            phase.Stages
            |> Seq.filter (fun stage -> stage.StepsPerEpoch = 0L)
            |> Seq.map _.Source
            |> Seq.distinct
            |> Seq.filter feeds.ContainsKey
            |> Seq.map (fun name -> feeds[name])
            |> Seq.filter (fun feed -> not feed.Changes && feed.Source.Count < size)
            |> Seq.iter (fun feed ->
                let count = number feed.Source.Count

                tell
                    $"training.batchSize{owner} is {number size}, and the source '{feed.Name}' has {count} samples: its batches are of {count}.")
