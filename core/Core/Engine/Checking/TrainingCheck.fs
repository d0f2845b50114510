namespace KdPlugins.Core

open System

/// What a recipe says of training and cannot mean.
module internal TrainingCheck =

    let private tellOfStopping (composition: Composition) (phase: Phase) (tell: string -> unit) =
        let section = phase.Section.EarlyStopping

        for stage in phase.Stages do
            let isEvaluated =
                composition.Run.Feeds.ContainsKey stage.Validation && stage.Evaluates.Count > 0

            let hasOwn = not (isNull stage.Score) && isNull section.Value

            if stage.Trainables.Count > 0 && not (isEvaluated || hasOwn) then
                tell
                    $"The stage '{phase.StageName stage}' takes all its epochs whatever training.earlyStopping says: nothing is evaluated in it."

    /// Tells of stages that are to end when they become no better, and of which nothing says how good they are; of layers that
    /// stay as they were drawn.
    let warn (composition: Composition) (tell: string -> unit) =
        for phase in composition.Phases do
            if not phase.Section.EarlyStopping.IsNone then
                tellOfStopping composition phase tell

        for section in composition.Recipe.Models do
            if section.Freeze.Count > 0 && not section.HasWeights then
                tell
                    $"The layers of '{section.Role}' that \"freeze\" names stay as they were drawn: the recipe loads no weights for it."
