/// What a caller gives a study.
module internal KdPlugins.Core.StudyParameters

open System
open System.Collections.Generic
open System.IO
open KdPlugins.Torch

let private refused (name: string) (why: string) : 'a = Fail.error StudyErrors.ParameterRefused $"'{name}' {why}."

let private place =
    {
        Line = 0
        Column = 0
        Origin = "--with"
    }

let private value (draft: StudyParameterDraft) (folder: string) (name: string) (text: string) : JsonTree =
    match draft.Kind with
    | "path" when text.Trim() = "" -> refused name "is empty, and a path is needed"
    | "path" ->
        let path = Path.GetFullPath(text, folder)

        if Path.Exists path then
            JsonTrees.scalar JsonKind.Text path place
        else
            refused name $"leads to '{path}', where nothing is"
    | "number" ->
        match OptionNumbers.tryReal text with
        | ValueSome _ -> JsonTrees.scalar JsonKind.Number (text.Trim()) place
        | ValueNone -> refused name $"is '{text}', and a number is needed"
    | _ -> JsonTrees.scalar JsonKind.Text text place

let private fallback (draft: StudyParameterDraft) (study: Study) (name: string) : JsonTree =
    match draft.Fallback with
    | text when draft.Kind = "path" && text.Kind = JsonKind.Text -> value draft study.Folder name text.Text
    | given -> given

/// A value for every parameter. Raises KDP0220 for names that the study does not have, KDP0222 for those that are missing, all
/// of them, and KDP0223 for what does not fit.
/// folder: what the paths that were given are relative to.
let values (study: Study) (given: IReadOnlyDictionary<string, string>) (folder: string) : Dictionary<string, JsonTree> =
    let known = study.Draft.Parameters

    for name in given.Keys do
        if not (known.ContainsKey name) then
            let all = String.Join(", ", known.Keys)
            let expected = if all = "" then "it has none" else $"it has {all}"

            Fail.error
                StudyErrors.NameUnknown
                ($"The study '{study.Name}' has no parameter '{name}': {expected}. {Nearest.Ask(name, known.Keys)}"
                    .TrimEnd())

    let missing =
        study.Parameters
        |> Seq.filter (fun p -> p.IsRequired && not (given.ContainsKey p.Name))
        |> Seq.map (fun p ->
            if p.Description = "" then
                p.Name
            else
                $"{p.Name} ({p.Description.TrimEnd '.'})")
        |> Seq.toArray

    if missing.Length > 0 then
        let all = String.Join(", ", missing)
        Fail.error StudyErrors.ParameterMissing $"The study '{study.Name}' needs {all}."

    let result = Dictionary<string, JsonTree>()

    for entry in known do
        result[entry.Key] <-
            match given.TryGetValue entry.Key with
            | true, text -> value entry.Value folder entry.Key text
            | _ -> fallback entry.Value study entry.Key

    result
