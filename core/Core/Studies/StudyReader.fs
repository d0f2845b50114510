namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.IO
open KdPlugins.Torch

/// Studies from text, checked to the end: one exception says everything that is wrong in the file. The recipes of the arms
/// are judged when a plan is made.
[<AbstractClass; Sealed>]
type StudyReader private () =

    static let arms (draft: StudyDraft) =
        [|
            for entry in draft.Arms ->
                {
                    Name = entry.Key
                    Description = entry.Value.Description
                    RunsOf = if isNull entry.Value.Of then entry.Key else entry.Value.Of
                    Role = entry.Value.Role
                }
        |]

    static let measures (draft: StudyDraft) =
        if draft.Measures.Count = 0 then
            [|
                {
                    StudyMeasure.Name = "result"
                    Metric = null
                    State = "last"
                }
            |]
        else
            [|
                for m in draft.Measures ->
                    {
                        Name = m.Name
                        Metric = m.Metric
                        State = m.State
                    }
            |]

    static let claims (draft: StudyDraft) (measures: StudyMeasure[]) =
        [|
            for claim in draft.Claims ->
                {
                    Name =
                        if String.IsNullOrWhiteSpace claim.Name then
                            $"{claim.Above} above {claim.Below}"
                        else
                            claim.Name
                    Above = claim.Above
                    Below = claim.Below
                    Measure =
                        if isNull claim.Measure then
                            measures[0].Name
                        else
                            claim.Measure
                    Expected = claim.Expected
                }
        |]

    /// The study of a file. folder: what relative paths in it start at.
    /// Raises KDP0211 where the file cannot be read, and RecipeException (KDP0202 to KDP0224) for what is wrong in it.
    static member ReadFile(path: string, folder: string) : Study =
        let tree = RecipeReader.TreeOf path
        let failures = FailureSink tree

        match OptionReader(failures, true).Object([], typeof<StudyDraft>, null, tree) with
        | ValueNone ->
            failures.Throw path
            Unchecked.defaultof<_>
        | ValueSome read ->
            let draft = read :?> StudyDraft
            StudyChecks.draft failures draft
            failures.Throw path
            let measures = measures draft
            Study(path, Path.GetFullPath folder, draft, arms draft, measures, claims draft measures)
