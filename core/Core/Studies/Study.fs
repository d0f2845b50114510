namespace KdPlugins.Core

open System
open System.Collections.Generic

/// Where a recipe that a study names lies.
type RecipeLocation =
    {
        /// Its file.
        Path: string

        /// What relative paths in it start at, an absolute path.
        Folder: string
    }

/// What a caller of a study gives.
type StudyParameter =
    {
        /// ${Name} stands for it in the study's file.
        Name: string

        /// What it is; may be empty.
        Description: string

        /// Whether somebody has to give it.
        IsRequired: bool
    }

/// What is compared.
type StudyArm =
    {
        /// As the file writes it.
        Name: string

        /// What it is; may be empty.
        Description: string

        /// The arm whose runs it is measured in: itself, unless it is another network of another arm's runs.
        RunsOf: string

        /// The role that is measured; null for the run's result.
        Role: string
    }

/// A number of every run's report.
type StudyMeasure =
    {
        /// What claims call it.
        Name: string

        /// Its key in the report, such as test_accuracy; null for what says most.
        Metric: string

        /// last or best.
        State: string
    }

/// That one arm is above another.
type StudyClaim =
    {
        /// In words.
        Name: string

        /// The arm that is expected to have the larger number.
        Above: string

        /// The arm that it is compared with.
        Below: string

        /// The measure's name.
        Measure: string

        /// What is expected and why; may be empty.
        Expected: string
    }

/// A study as its file describes it, read and checked: arms that are compared over the same seeds. StudyReader makes it.
[<Sealed>]
type Study
    internal
    (path: string, folder: string, draft: StudyDraft, arms: StudyArm[], measures: StudyMeasure[], claims: StudyClaim[])
    =

    /// The study's file.
    member _.Path = path

    /// What relative paths in it start at, an absolute path.
    member _.Folder = folder

    /// In kebab-case.
    member _.Name = draft.Name

    /// What is asked; may be empty.
    member _.Description = draft.Description

    /// At least one, each at least 0, all different, in the order of the file.
    member _.Seeds: IReadOnlyList<int64> = draft.Seeds

    /// In the order of the file.
    member _.Arms: IReadOnlyList<StudyArm> = arms

    /// By name; at least one.
    member _.Measures: IReadOnlyList<StudyMeasure> = measures

    /// In the order of the file.
    member _.Claims: IReadOnlyList<StudyClaim> = claims

    /// What the sweep's axis is called; null without sweep.
    member _.SweepName = if isNull (box draft.Sweep) then null else draft.Sweep.Name

    /// The numbers on the axis, in the order of the file; empty without sweep.
    member _.Levels: IReadOnlyList<double> =
        [|
            if not (isNull (box draft.Sweep)) then
                for level in draft.Sweep.Levels -> level.At
        |]

    /// In the order of the file.
    member _.Parameters: IReadOnlyList<StudyParameter> =
        [|
            for entry in draft.Parameters ->
                {
                    Name = entry.Key
                    Description = entry.Value.Description
                    IsRequired = isNull entry.Value.Fallback
                }
        |]

    member internal _.Draft = draft
