namespace KdPlugins.Core

open System
open System.Collections.Generic
open KdPlugins.Torch

/// One thing that is wrong with a recipe or with options.
type RecipeFailure =
    {
        /// The catalogue entry.
        Code: ErrorCode

        /// The JSON path, such as losses[1].options.temperature; empty for the whole.
        Path: string

        /// Counted from 1; 0 where the value does not come from the text.
        Line: int

        /// In characters, counted from 1; 0 where the value does not come from the text.
        Column: int

        /// Where the value comes from if not from the text, such as an override; empty otherwise.
        Origin: string

        /// What is there.
        Found: string

        /// What was expected; may be empty.
        Expected: string

        /// A hint such as "Did you mean 'options'?"; may be empty.
        Suggestion: string
    }

    /// Path and place, what was found and what was expected, without the code.
    member this.Sentence =
        let place =
            if this.Origin <> "" then
                $" (from {this.Origin})"
            elif this.Line > 0 then
                $" (line {this.Line}, column {this.Column})"
            else
                ""

        let path = if this.Path = "" then "the whole" else this.Path

        let expected =
            if this.Expected = "" then
                ""
            else
                $", expected {this.Expected}"

        let sentence = $"{path}{place}: {this.Found}{expected}"

        let stop =
            if sentence.EndsWith '?' || sentence.EndsWith '.' then
                ""
            else
                "."

        $"{sentence}{stop} {this.Suggestion}".TrimEnd()

    override this.ToString() = $"{this.Code.Id} {this.Sentence}"

/// Everything that is wrong with a recipe or with options, at once. Its code is that of the first failure.
[<Sealed>]
type RecipeException internal (source: string, failures: IReadOnlyList<RecipeFailure>, total: int) =
    inherit
        KdException(failures[0].Code, RecipeException.Detail(source, failures, total), (if total = 1 then null else ""))

    /// So many are shown; more are in Failures.
    static member private Shown = 40

    static member private Detail(source: string, failures: IReadOnlyList<RecipeFailure>, total: int) =
        if total = 1 then
            $"{source}: {failures[0].Sentence}"
        else
            let lines =
                failures |> Seq.truncate RecipeException.Shown |> Seq.map (fun f -> $"\n  {f}")

            let rest = total - min failures.Count RecipeException.Shown
            let more = if rest > 0 then $"\n  and {rest} more." else ""
            $"{source} has {total} failures:{String.Concat lines}{more}\n"

    /// In the order of the text; the first thousand that were found.
    member _.Failures = failures

/// A file or folder that a recipe names.
type NamedPath =
    {
        /// Which value names it, such as dataset.options.path.
        Key: string

        /// As it is written; relative ones start at the recipe's folder.
        Text: string
    }

/// Collects failures of one document, and the paths that it names.
[<Sealed>]
type internal FailureSink(root: JsonTree) =
    let all = List<RecipeFailure>()
    let paths = List<NamedPath>()

    /// Nobody reads more; the rest is only counted, so that what it takes does not grow with what is wrong.
    let mostKept = 1000

    /// Characters of a name or value of the document.
    let longest = 400

    let mutable dropped = 0

    let clip (text: string) =
        if text.Length <= longest then
            text
        else
            text.Substring(0, longest) + "..."

    let add (place: JsonPlace) code path found expected suggestion =
        if all.Count = mostKept then
            dropped <- dropped + 1
        else
            all.Add
                {
                    Code = code
                    Path = clip (JsonPaths.text path)
                    Line = place.Line
                    Column = place.Column
                    Origin = (if isNull place.Origin then "" else place.Origin)
                    Found = clip found
                    Expected = expected
                    Suggestion = suggestion
                }

    member _.Count = all.Count + dropped

    /// Whether what is added is only counted.
    member _.IsFull = all.Count = mostKept

    /// A failure of the value at a path.
    member _.Add(code, path: JsonPath, found: string, expected: string, suggestion: string) =
        let place =
            if isNull root || all.Count = mostKept then
                { Line = 0; Column = 0; Origin = null }
            else
                JsonPaths.locate root path

        add place code path found expected suggestion

    /// A failure at a place, such as that of a key.
    member _.AddAt(place, code, path: JsonPath, found: string, expected: string, suggestion: string) =
        add place code path found expected suggestion

    /// A file or folder that the document names.
    member _.AddPath(path: JsonPath, text: string) =
        if not (String.IsNullOrEmpty text) then
            paths.Add
                {
                    Key = JsonPaths.text path
                    Text = text
                }

    member _.Paths: IReadOnlyList<NamedPath> = paths

    /// Takes over what another document's sink has.
    member _.Take(other: FailureSink) =
        let room = mostKept - all.Count
        all.AddRange(Seq.truncate room other.All)
        dropped <- dropped + other.Count - min room other.All.Count

    member _.All: IReadOnlyList<RecipeFailure> = all

    /// Raises all of them, in the order of the text, if there are any.
    member _.Throw(source: string) =
        if all.Count > 0 then
            let order (f: RecipeFailure) = if f.Line = 0 then Int32.MaxValue else f.Line
            let sorted = all |> Seq.sortBy (fun f -> struct (order f, f.Column)) |> Seq.toArray
            raise (RecipeException(source, sorted, all.Count + dropped))
