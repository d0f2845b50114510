namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.ComponentModel.DataAnnotations
open System.Text.Json.Serialization

// A study as it is written: bound like a recipe's draft. The schema is made of these too.

/// What a caller gives.
[<ShortForm("description")>]
type internal StudyParameterDraft =
    {
        /// What it is, for whoever has to give it.
        Description: string

        /// path (a file or folder, relative to where the command is given), text or number.
        [<AllowedValues("path", "text", "number")>]
        Kind: string

        /// What holds where nobody gives it; it has to be given where this is left out.
        [<JsonPropertyName("default")>]
        Fallback: JsonTree
    }

    static member Default =
        {
            StudyParameterDraft.Description = ""
            Kind = "text"
            Fallback = null
        }

/// A run that is made before the arms.
type internal StudyPreparationDraft =
    {
        /// A recipe's file or name, or a recipe; the study's own where it is left out.
        Recipe: JsonTree

        /// Values by path, as --set writes them; null takes away what is there.
        Set: IReadOnlyDictionary<string, JsonTree>

        /// study: made once, with the recipe's own seed; seed: once per seed of the study.
        [<AllowedValues("study", "seed")>]
        Each: string
    }

    static member Default =
        {
            StudyPreparationDraft.Recipe = null
            Set = Dictionary<string, JsonTree>()
            Each = "study"
        }

/// What is compared: a recipe, run once per seed; or another network of another arm's runs.
type internal StudyArmDraft =
    {
        /// What it is, for the table.
        Description: string

        /// A recipe's file or name, or a recipe; the study's own where it is left out.
        Recipe: JsonTree

        /// The arm whose recipe this one changes further.
        From: string

        /// Values by path, as --set writes them; null takes away what is there.
        Set: IReadOnlyDictionary<string, JsonTree>

        /// The arm whose runs this one shares: it has none of its own, and is another role of those.
        Of: string

        /// The network that is measured; the run's result where it is left out.
        [<RegularExpression(Names.Kebab, ErrorMessage = "a name in kebab-case, such as baseline")>]
        Role: string
    }

    static member Default =
        {
            StudyArmDraft.Description = ""
            Recipe = null
            From = null
            Set = Dictionary<string, JsonTree>()
            Of = null
            Role = null
        }

/// A level of the sweep.
[<ShortForm("at")>]
type internal StudyLevelDraft =
    {
        /// The number on the axis, and what the sweep's paths become.
        At: double

        /// Further values by path, at this level alone.
        Set: IReadOnlyDictionary<string, JsonTree>
    }

    static member Default =
        {
            StudyLevelDraft.At = 0.0
            Set = Dictionary<string, JsonTree>()
        }

/// A budget along which every arm is run.
type internal StudySweepDraft =
    {
        /// What the axis is called, in kebab-case; begins the names of folders.
        [<Required; RegularExpression(Names.Kebab, ErrorMessage = "a name in kebab-case, such as epochs")>]
        Name: string

        /// The recipe's values that are set to the level.
        [<OneOrMany>]
        Path: IReadOnlyList<string>

        /// Numbers, or objects of a number and further values.
        [<Length(1, 100)>]
        Levels: IReadOnlyList<StudyLevelDraft>
    }

    static member Default =
        {
            StudySweepDraft.Name = null
            Path = Array.Empty()
            Levels = Array.Empty()
        }

/// A number of every run's report.
type internal StudyMeasureDraft =
    {
        /// What claims call it.
        [<Required; RegularExpression(Names.Kebab, ErrorMessage = "a name in kebab-case, such as accuracy")>]
        Name: string

        /// The number's key in the report, such as test_accuracy; what says most where it is left out.
        Metric: string

        /// last or best (of the validation).
        [<AllowedValues("last", "best")>]
        State: string
    }

    static member Default =
        {
            StudyMeasureDraft.Name = null
            Metric = null
            State = "last"
        }

/// That one arm is above another.
type internal StudyClaimDraft =
    {
        /// The claim in words; "A above B" where it is left out.
        Name: string

        /// The arm whose number is expected to be larger.
        [<Required>]
        Above: string

        /// The arm it is compared with.
        [<Required>]
        Below: string

        /// By which measure; the first one where it is left out.
        Measure: string

        /// What is expected and why, repeated beside the result.
        Expected: string
    }

    static member Default =
        {
            StudyClaimDraft.Name = null
            Above = null
            Below = null
            Measure = null
            Expected = ""
        }

/// A study.
type internal StudyDraft =
    {
        /// The schema that editors complete by; not read.
        [<JsonPropertyName("$schema")>]
        Schema: string

        /// Names the study, in kebab-case.
        [<Required;
          MaxLength(60);
          RegularExpression(Names.Kebab, ErrorMessage = "a name in kebab-case, such as my-study-2")>]
        Name: string

        /// What is asked, for the pages.
        Description: string

        /// What a caller gives, by name: ${name} stands for it.
        Parameters: IReadOnlyDictionary<string, StudyParameterDraft>

        /// One run per seed and arm; the same seeds for every arm.
        [<Required; Length(1, 1000)>]
        Seeds: IReadOnlyList<int64>

        /// The recipe that the arms change: its file or name, or the recipe itself.
        Recipe: JsonTree

        /// What all arms change, by path; preparations do not.
        Set: IReadOnlyDictionary<string, JsonTree>

        /// Runs before the arms, by name, in order: ${name} is the folder of the run.
        Prepare: IReadOnlyDictionary<string, StudyPreparationDraft>

        /// What is compared, by name.
        [<Required; MinLength(1)>]
        Arms: IReadOnlyDictionary<string, StudyArmDraft>

        /// A budget along which every arm is run.
        Sweep: StudySweepDraft

        /// What of the reports is compared; what says most, of the last state, where it is left out.
        Measures: IReadOnlyList<StudyMeasureDraft>

        /// What is expected of the arms.
        Claims: IReadOnlyList<StudyClaimDraft>
    }

    static member Default =
        {
            Schema = null
            Name = null
            Description = ""
            Parameters = Dictionary<string, StudyParameterDraft>()
            Seeds = null
            Recipe = null
            Set = Dictionary<string, JsonTree>()
            Prepare = Dictionary<string, StudyPreparationDraft>()
            Arms = null
            Sweep = Unchecked.defaultof<_>
            Measures = Array.Empty()
            Claims = Array.Empty()
        }
