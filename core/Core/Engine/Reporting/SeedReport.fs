namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Text.Json.Nodes

/// The report over several seeds.
module internal SeedReport =

    let private mean (values: float[]) = Array.average values

    // Unbiased; a single seed has none.
    let private deviation (values: float[]) =
        if values.Length < 2 then
            0.0
        else
            let m = mean values
            Math.Sqrt((values |> Array.sumBy (fun v -> (v - m) * (v - m))) / float (values.Length - 1))

    let private isPair (node: JsonNode) =
        match node with
        | :? JsonObject as o -> o.ContainsKey "last" && o.ContainsKey "best"
        | _ -> false

    // A row per seed with some of its values.
    let private perSeed (seeds: IReadOnlyList<int64>) (sources: JsonObject[]) (keys: string list) =
        let rowOf (i: int) (source: JsonObject) =
            let row = JsonObject()
            row["seed"] <- JsonValue.Create seeds[i]

            for key in keys do
                let value = source[key]

                if not (isNull value) then
                    row[key] <- value.DeepClone()

            row :> JsonNode

        JsonArray(Array.mapi rowOf sources)

    let private combinePair (seeds: IReadOnlyList<int64>) (pairs: JsonObject[]) =
        let each (key: string) = pairs |> Array.map (fun p -> RunJson.real (p[key]))
        let last, best = each "last", each "best"
        let node = JsonObject()
        node["last"] <- RunJson.number (mean last)
        node["best"] <- RunJson.number (mean best)
        node["mean"] <- RunJson.number (mean last)
        node["std"] <- RunJson.number (deviation last)
        node["best_std"] <- RunJson.number (deviation best)
        node["seeds"] <- perSeed seeds pairs [ "last"; "best" ]
        node

    let private sumOfCounts (matrices: JsonNode[]) =
        let counts =
            matrices
            |> Array.map (fun m ->
                m.AsArray()
                |> Seq.map (fun row -> row.AsArray() |> Seq.map RunJson.whole |> Seq.toArray)
                |> Seq.toArray)

        let sum = counts |> Array.reduce (Array.map2 (Array.map2 (+)))
        JsonArray(sum |> Array.map (fun row -> RunJson.numbers row :> JsonNode))

    // Rows of counts by true and predicted class.
    let private isMatrix (node: JsonNode) =
        match node with
        | :? JsonArray as rows -> rows.Count > 0 && rows |> Seq.forall (fun row -> row :? JsonArray)
        | _ -> false

    let private combineRole (seeds: IReadOnlyList<int64>) (roles: JsonObject[]) =
        let node = JsonObject()

        for entry in roles[0] do
            if isPair entry.Value then
                node[entry.Key] <- combinePair seeds (roles |> Array.map (fun r -> r[entry.Key].AsObject()))
            elif isMatrix entry.Value then
                node[entry.Key] <- sumOfCounts (roles |> Array.map (fun r -> r[entry.Key]))
            elif entry.Key = DrawingJson.key then
                let each = roles |> Array.map (fun r -> r[entry.Key].AsArray())
                node[entry.Key] <- DrawingJson.combine seeds each
            else
                node[entry.Key] <- entry.Value.DeepClone()

        node["seeds"] <- perSeed seeds roles [ "sha256"; "best_epoch" ]
        node

    // Machine and phases may differ between the seeds' runs: totals, shares of the totals, and the largest.
    let private combineTimes (reports: IReadOnlyList<JsonObject>) (report: JsonObject) =
        let each (key: string) =
            reports
            |> Seq.map (fun r -> if r.ContainsKey key then RunJson.real (r[key]) else 0.0)
            |> Seq.toArray

        let seconds = Array.sum (each "seconds")

        let waited =
            Array.map2 (*) (each "seconds") (each "data_wait_fraction") |> Array.sum

        let share (value: float) = if seconds > 0.0 then value / seconds else 0.0
        report["seconds"] <- RunJson.number seconds
        report["steps"] <- JsonValue.Create(int64 (Array.sum (each "steps")))
        report["samples"] <- JsonValue.Create(int64 (Array.sum (each "samples")))
        report["images_per_second"] <- RunJson.number (Math.Round(share (Array.sum (each "samples")), 1))
        report["data_wait_fraction"] <- RunJson.number (Math.Round(share waited, 5))
        report["peak_memory_bytes"] <- JsonValue.Create(int64 (Array.max (each "peak_memory_bytes")))

    let private runKeys =
        [
            "steps"
            "samples"
            "seconds"
            "images_per_second"
            "data_wait_fraction"
            "peak_memory_bytes"
            "finished"
            "ended"
            "hashes"
        ]

    /// What every seed's report says of a role: means over the seeds ("last", "best"), the mean and the unbiased standard
    /// deviation of the last state ("mean", "std"), and every seed's own numbers; counts of confusions are summed. Times,
    /// steps and samples are those of all seeds together, the peak of memory the largest; each run's own are in "runs".
    /// All else (hashes, plugins, a network's sha256) is the first seed's.
    let combine (seeds: IReadOnlyList<int64>) (reports: IReadOnlyList<JsonObject>) : JsonObject =
        let report = JsonObject()

        for entry in reports[0] do
            match entry.Value with
            | :? JsonObject as o when o |> Seq.exists (fun e -> isPair e.Value) ->
                // Of a phase that the first seed alone has gone through, the others may have no row.
                let having =
                    Seq.zip seeds reports
                    |> Seq.filter (fun (_, r) -> r.ContainsKey entry.Key)
                    |> Seq.toArray

                let roles = having |> Array.map (fun (_, r) -> r[entry.Key].AsObject())
                report[entry.Key] <- combineRole (Array.map fst having) roles
            | value -> report[entry.Key] <- if isNull value then null else value.DeepClone()

        combineTimes reports report
        let newest = reports[reports.Count - 1]
        report["finished"] <- newest["finished"].DeepClone()
        report["seeds"] <- RunJson.numbers seeds
        report["runs"] <- perSeed seeds (Seq.toArray reports) runKeys
        report
