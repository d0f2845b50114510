namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Text.Json.Nodes

/// The report over several seeds.
module internal SeedReport =

    let private number (value: float) = JsonValue.Create value :> JsonNode

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

    let private combinePair (seeds: IReadOnlyList<int64>) (pairs: JsonNode[]) =
        let each (key: string) = pairs |> Array.map (fun p -> p[key].GetValue<float>())
        let last, best = each "last", each "best"
        let node = JsonObject()
        node["last"] <- number (mean last)
        node["best"] <- number (mean best)
        node["mean"] <- number (mean last)
        node["std"] <- number (deviation last)
        node["best_std"] <- number (deviation best)

        node["seeds"] <-
            JsonArray(
                [|
                    for i in 0 .. pairs.Length - 1 ->
                        let row = JsonObject()
                        row["seed"] <- JsonValue.Create seeds[i]
                        row["last"] <- number last[i]
                        row["best"] <- number best[i]
                        row :> JsonNode
                |]
            )

        node

    let private combineRole (seeds: IReadOnlyList<int64>) (roles: JsonObject[]) =
        let node = JsonObject()

        for entry in roles[0] do
            if isPair entry.Value then
                node[entry.Key] <- combinePair seeds (roles |> Array.map (fun r -> r[entry.Key]))
            else
                node[entry.Key] <- entry.Value.DeepClone()

        node

    /// What every seed's report says of a role: means over the seeds ("last", "best"), the mean and the unbiased standard
    /// deviation of the last state ("mean", "std"), and every seed's own numbers. All else is the first seed's.
    let combine (seeds: IReadOnlyList<int64>) (reports: IReadOnlyList<JsonObject>) : JsonObject =
        let report = JsonObject()

        for entry in reports[0] do
            match entry.Value with
            | :? JsonObject as o when o |> Seq.exists (fun e -> isPair e.Value) ->
                let roles = reports |> Seq.map (fun r -> r[entry.Key].AsObject()) |> Seq.toArray
                report[entry.Key] <- combineRole seeds roles
            | value -> report[entry.Key] <- if isNull value then null else value.DeepClone()

        let total (key: string) = reports |> Seq.sumBy (fun r -> r[key].GetValue<float>())
        report["seeds"] <- JsonArray(seeds |> Seq.map (fun s -> JsonValue.Create s :> JsonNode) |> Seq.toArray)
        report["seconds"] <- number (total "seconds")
        report
