namespace KdPlugins.Core

open System
open System.Collections.Generic

/// A number of a run that is done.
type StudyValue =
    {
        /// The arm.
        Arm: string

        /// The level of the sweep; null without one.
        Level: Nullable<double>

        /// The seed.
        Seed: int64

        /// The measure's name.
        Measure: string

        /// Finite, or it counts as missing.
        Value: double
    }

/// What an arm gave by a measure, at a level.
type StudyArmResult =
    {
        /// The arm.
        Arm: string

        /// The level of the sweep; null without one.
        Level: Nullable<double>

        /// The measure's name.
        Measure: string

        /// Seed and number, in the order of the study's seeds; seeds without a number are not among them.
        Values: IReadOnlyList<KeyValuePair<int64, double>>

        /// Of these numbers.
        Summary: StudySummary
    }

/// The differences of a claim's arms, paired by seed, at a level.
type StudyClaimResult =
    {
        /// The claim.
        Claim: StudyClaim

        /// The level of the sweep; null without one.
        Level: Nullable<double>

        /// Seed and difference (above minus below), of seeds that both arms have.
        Differences: IReadOnlyList<KeyValuePair<int64, double>>

        /// Of the differences.
        Summary: StudySummary

        /// Holds: the interval is above 0.
        Verdict: StudyVerdict
    }

/// The numbers of a study, as far as its runs are done.
[<Sealed>]
type StudyResults private (arms: StudyArmResult[], claims: StudyClaimResult[]) =

    /// By measure, level and arm, in the order of the study.
    member _.Arms: IReadOnlyList<StudyArmResult> = arms

    /// By claim and level, in the order of the study.
    member _.Claims: IReadOnlyList<StudyClaimResult> = claims

    /// The results of a study. values: of runs that are done, each arm, level, seed and measure at most once.
    static member Make(study: Study, values: IReadOnlyList<StudyValue>) : StudyResults =
        let known =
            Dictionary<struct (string * Nullable<double> * int64 * string), double>()

        for v in values do
            if Double.IsFinite v.Value then
                known[struct (v.Arm, v.Level, v.Seed, v.Measure)] <- v.Value

        let levels =
            if study.Levels.Count = 0 then
                [ Nullable() ]
            else
                [ for level in study.Levels -> Nullable level ]

        let find arm level seed measure =
            match known.TryGetValue(struct (arm, level, seed, measure)) with
            | true, value -> Some value
            | _ -> None

        let summary (pairs: KeyValuePair<int64, double>[]) = StudyStatistics.Summarise(pairs |> Array.map _.Value)

        let arms =
            [|
                for measure in study.Measures do
                    for level in levels do
                        for arm in study.Arms do
                            let own =
                                [|
                                    for seed in study.Seeds do
                                        match find arm.Name level seed measure.Name with
                                        | Some value -> KeyValuePair(seed, value)
                                        | None -> ()
                                |]

                            {
                                Arm = arm.Name
                                Level = level
                                Measure = measure.Name
                                Values = own
                                Summary = summary own
                            }
            |]

        let claims =
            [|
                for claim in study.Claims do
                    for level in levels do
                        let pairs =
                            [|
                                for seed in study.Seeds do
                                    match
                                        find claim.Above level seed claim.Measure,
                                        find claim.Below level seed claim.Measure
                                    with
                                    | Some above, Some below -> KeyValuePair(seed, above - below)
                                    | _ -> ()
                            |]

                        let of' = summary pairs

                        {
                            Claim = claim
                            Level = level
                            Differences = pairs
                            Summary = of'
                            Verdict = StudyStatistics.Judge of'
                        }
            |]

        StudyResults(arms, claims)
