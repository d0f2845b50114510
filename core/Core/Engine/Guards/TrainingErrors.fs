namespace KdPlugins.Core

open System.Collections.Generic
open KdPlugins.Torch

/// The failures of training.
[<AbstractClass; Sealed>]
type TrainingErrors private () =

    static let entries = List<ErrorCode>()

    static let entry id title remedy =
        let code = ErrorCode(id, title, remedy)
        entries.Add code
        code

    /// A loss became NaN or infinite.
    static member val NotFinite =
        entry
            "KDP0701"
            "a loss is not finite"
            "Lower the learning rate or the loss's weight, or look at the batch that was saved."

    /// An objective has more than one value.
    static member val NotScalar = entry "KDP0702" "an objective is not a scalar" "Reduce the objective to one value."

    /// An objective has no graph.
    static member val NoGradient =
        entry
            "KDP0703"
            "an objective does not depend on what is trained"
            "Compute it from outputs of roles that the stage trains."

    /// A gradient became NaN or infinite, whatever the loss was.
    static member val GradientNotFinite =
        entry
            "KDP0704"
            "a gradient is not finite"
            "Lower the learning rate or the loss's weight, or look for a root or a logarithm at 0 in the loss: its value is finite there, its gradient is not."

    /// A parameter, a buffer, or an optimiser's moment became NaN or infinite; it was not saved.
    static member val StateNotFinite =
        entry "KDP0705" "what a run has trained is not finite" "Lower the learning rate or the loss's weight."

    /// The loss on an evaluation's data is NaN or infinite: its other numbers mean nothing then.
    static member val EvaluationNotFinite =
        entry
            "KDP0706"
            "an evaluation is not finite"
            "Lower the learning rate, or look at the data for values that are not finite."

    /// The variance of a single value, which a norm layer would divide by, is not there.
    static member val OneValue =
        entry
            "KDP0707"
            "a norm layer in training got one value per channel"
            "Raise training.batchSize, or the number of training samples or the size of the inputs where these are the limit."

    /// Those that mean that the training diverged.
    static member Diverged: IReadOnlyList<ErrorCode> =
        [|
            TrainingErrors.NotFinite
            TrainingErrors.GradientNotFinite
            TrainingErrors.StateNotFinite
            TrainingErrors.EvaluationNotFinite
        |]

    /// Every entry.
    static member All: IReadOnlyList<ErrorCode> = entries
