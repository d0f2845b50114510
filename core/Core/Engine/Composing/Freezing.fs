/// Parameters that a recipe names by patterns: those that stay as they are, and those with a learning rate of their own.
module internal KdPlugins.Core.Freezing

open System
open System.Collections.Generic

let private most = 12

// The modules that hold parameters directly, as far as they can be shown.
let private modules (names: string seq) =
    let all =
        names
        |> Seq.map (fun n ->
            if n.Contains '.' then
                n.Substring(0, n.LastIndexOf '.')
            else
                n)
        |> Seq.distinct
        |> Seq.toArray

    String.Join(", ", Seq.truncate most all)
    + (if all.Length > most then ", ..." else "")

let private require (what: string) (pattern: string) (names: string[]) =
    if not (Array.exists (NamePatterns.matches pattern) names) then
        let words = names |> Seq.collect (fun n -> [ n; n.Split('.')[0] ]) |> Seq.distinct
        let near = Nearest.Ask(pattern, words)

        let text =
            $"{what} names '{pattern}', which fits no parameter; there are: {modules names}. {near}"

        Fail.error CoreErrors.NoParameters (text.TrimEnd())

/// Finds what the recipe freezes of its networks. Raises KDP0376 for a pattern that fits nothing.
let note (recipe: Recipe) (run: LiveRun) =
    for section in recipe.Models do
        if section.Freeze.Count > 0 then
            let parameters =
                (run.Role section.Role).Network.Module.named_parameters() |> Seq.toArray

            let names = parameters |> Array.map (fun (struct (n, _)) -> n)

            for pattern in section.Freeze do
                require $"models.{section.Role}.freeze" pattern names
                let isMeant = NamePatterns.matches pattern

                for struct (n, p) in parameters do
                    if isMeant n then
                        run.Frozen.Add p.Handle |> ignore

/// Takes what is frozen out of a plan's trainables: no gradient, no optimiser's state, norms in evaluation mode. Raises KDP0306
/// where that leaves one with nothing.
let apply (run: LiveRun) (phase: string) (stages: IReadOnlyList<Stage>) =
    if run.Frozen.Count > 0 then
        for trainable in stages |> Seq.collect _.Trainables |> Seq.distinct do
            let before = trainable.Parameters.Count
            trainable.Leave run.Frozen

            if before > 0 && trainable.Parameters.Count = 0 then
                let where = if phase = "" then "" else $" of phase '{phase}'"

                Fail.error
                    CoreErrors.WrongCombination
                    $"The recipe freezes all {before} parameters of '{trainable.Name}', which a stage{where} trains."

/// Raises KDP0376 for a factor on the rates of parameters that nobody trains by the recipe's optimiser.
let checkRates (phase: string) (section: OptimiserSection) (stages: IReadOnlyList<Stage>) =
    if section.Rates.Count > 0 then
        let names =
            stages
            |> Seq.collect _.Trainables
            |> Seq.filter (fun t -> isNull t.Optimiser)
            |> Seq.collect (fun t -> t.Parameters |> Seq.map (fun (struct (n, _)) -> n))
            |> Seq.distinct
            |> Seq.toArray

        let where = if phase = "" then "" else $" of phase '{phase}'"

        for rate in section.Rates do
            require $"training.optimiser.rates{where}" rate.Key names
