namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Text.Json.Nodes

/// What meters draw, as files say it: {"kind": "bars" | "matrix" | "curve" | "pictures", "name", "title", ...}.
module internal DrawingJson =

    /// Under which a role's drawings are.
    let key = "drawings"

    let private reals (values: seq<float>) = JsonArray(values |> Seq.map RunJson.number |> Seq.toArray)

    let private head (kind: string) (drawing: Drawing) =
        let node = JsonObject()
        node["kind"] <- JsonValue.Create kind
        node["name"] <- JsonValue.Create drawing.Name
        node["title"] <- JsonValue.Create drawing.Title
        node

    let private counts (drawing: MatrixDrawing) =
        JsonArray(
            drawing.Counts
            |> Seq.map (fun row -> RunJson.numbers row :> JsonNode)
            |> Seq.toArray
        )

    let private line (given: CurveLine) =
        let node = JsonObject()
        node["name"] <- JsonValue.Create given.Name
        node["x"] <- reals given.X
        node["y"] <- reals given.Y
        node :> JsonNode

    let private describe (drawing: Drawing) : JsonObject =
        match drawing with
        | :? BarsDrawing as bars ->
            let node = head "bars" bars
            node["unit"] <- JsonValue.Create bars.Unit
            node["labels"] <- RunJson.texts bars.Labels
            node["values"] <- reals bars.Values
            node
        | :? CurveDrawing as curve ->
            let node = head "curve" curve
            node["x"] <- JsonValue.Create curve.XName
            node["y"] <- JsonValue.Create curve.YName
            node["unit"] <- JsonValue.Create curve.Unit
            node["lines"] <- JsonArray(curve.Lines |> Seq.map line |> Seq.toArray)
            node
        | :? PicturesDrawing as pictures ->
            let node = head "pictures" pictures
            node["columns"] <- RunJson.texts pictures.Columns
            node["width"] <- JsonValue.Create pictures.Width
            node["height"] <- JsonValue.Create pictures.Height
            let text (picture: byte[]) = JsonValue.Create(Convert.ToBase64String picture) :> JsonNode
            let row (each: IReadOnlyList<byte[]>) = JsonArray(each |> Seq.map text |> Seq.toArray) :> JsonNode
            node["rows"] <- JsonArray(pictures.Rows |> Seq.map row |> Seq.toArray)
            node
        | other -> head "matrix" other

    /// Puts drawings into a node. A matrix's counts stand beside the list under the matrix's own name, in the list where
    /// something else has that name.
    let add (node: JsonObject) (drawings: IReadOnlyList<Drawing>) =
        let all = JsonArray()

        for drawing in drawings do
            let described = describe drawing
            all.Add(described :> JsonNode)

            match drawing with
            | :? MatrixDrawing as matrix when node.ContainsKey matrix.Name || matrix.Name = key ->
                described["counts"] <- counts matrix
            | :? MatrixDrawing as matrix -> node[matrix.Name] <- counts matrix
            | _ -> ()

        if all.Count > 0 then
            node[key] <- all

    let private kindOf (node: JsonNode) = (node["kind"]).GetValue<string>()

    let private linesOf (node: JsonNode) = (node["lines"]).AsArray()

    // Of what is there: a class that one seed's samples lack is not missing from the mean.
    let private mean (values: float[]) =
        match values |> Array.filter (Double.IsNaN >> not) with
        | [||] -> nan
        | some -> Array.average some

    let private combineBars (each: JsonNode[]) =
        let rows =
            each
            |> Array.map (fun d -> (d["values"]).AsArray() |> Seq.map RunJson.real |> Seq.toArray)

        let node = each[0].DeepClone()

        if rows |> Array.forall (fun row -> row.Length = rows[0].Length) then
            let meanOf (i: int) = rows |> Array.map (fun row -> row[i]) |> mean
            node["values"] <- reals (Seq.init rows[0].Length meanOf)

        node

    // Lines of several seeds have points at different places: all are shown, and once what is the same in all.
    let private combineCurves (seeds: IReadOnlyList<int64>) (each: JsonNode[]) =
        let node = each[0].DeepClone()
        let first = linesOf each[0]

        let isShared (line: JsonNode) =
            each
            |> Array.forall (fun d -> linesOf d |> Seq.exists (fun l -> JsonNode.DeepEquals(l, line)))

        let lines = JsonArray()

        for i in 0 .. each.Length - 1 do
            for line in linesOf each[i] |> Seq.filter (isShared >> not) do
                let named = line.DeepClone()
                let name = line["name"].GetValue<string>()
                named["name"] <- JsonValue.Create $"seed {seeds[i]}, {name}"
                lines.Add named

        for line in first |> Seq.filter isShared do
            lines.Add(line.DeepClone(): JsonNode)

        node["lines"] <- lines
        node

    /// The drawings over several seeds: means of bars, lines of every seed; counts beside the list are summed elsewhere.
    let combine (seeds: IReadOnlyList<int64>) (each: JsonArray[]) : JsonArray =
        let all = JsonArray()

        for i in 0 .. each[0].Count - 1 do
            let same = each |> Array.choose (fun d -> if i < d.Count then Some d[i] else None)

            let combined =
                match kindOf (each[0][i]) with
                | "bars" -> combineBars same
                | "curve" when same.Length = seeds.Count -> combineCurves seeds same
                | _ -> (each[0][i]).DeepClone()

            all.Add combined

        all

/// Evaluations as reports say them.
[<AbstractClass; Sealed>]
type EvaluationJson private () =

    /// Puts what an evaluation's meters draw into a node, under "drawings"; counts by true and predicted class stand beside
    /// that list under their own name.
    static member AddDrawings(node: JsonObject, found: Evaluation) = DrawingJson.add node found.Drawings
