namespace KdPlugins.Core

open System.Collections.Generic
open TorchSharp


/// What a part that runs inside a step may use beside the batch.
type IPartContext =

    /// Where the run is.
    abstract Progress: Progress

    /// The random stream of this part in this step.
    abstract Random: RandomKey

    /// The device that tensors live on.
    abstract Device: torch.Device

    /// Whether this is an evaluation: nothing may be random.
    abstract IsEvaluation: bool

    /// Runs a role's network on an input without recording a graph, in the mode that the engine gave the network.
    /// The outputs of a frozen network are kept for the step, by input tensor: whoever asks again pays nothing.
    /// Raises KDP0301 where the recipe has no such role.
    abstract Consult: role: string * batch: Batch * taps: IReadOnlyCollection<string> -> ModelOutput

    /// A value that the strategy publishes for this step, such as a mixing weight; the fallback where it publishes none.
    abstract Value: name: string * fallback: double -> double

/// A context whose caller says what is drawn, so that another implementation's draws can stand in place of a plugin's own.
/// Runs have none; GivenDraws of the SDK reads it.
type IGivenDraws =

    /// What stands in place of the draw that the plugin records as "<plugin id>.<name>", see Batch.Parameters; null where
    /// the plugin is to draw.
    abstract Drawn: name: string -> Tensor

/// Changes a batch. Deterministic in (random stream, sample index): the same call gives the same batch.
[<AllowNullLiteral>]
type IAugmentation =
    inherit IPlugin

    /// Fits it to the run's main data set, once, before the first batch: channel statistics, the number of classes.
    /// Raises KDP03xx where they do not go together.
    abstract Bind: data: DataInfo -> unit

    /// Whether it belongs to the evaluation too (normalising does, cropping at random does not).
    abstract InEvaluation: bool

    /// The roles whose networks it consults; checked before the first step.
    abstract Consults: IReadOnlyCollection<string>

    /// The changed batch, on the same device. May have another number of samples. The input's tensors stay unchanged.
    abstract Apply: batch: Batch * context: IPartContext -> Batch

    /// The shape of the input after it, for one before it; both without the batch dimension.
    abstract OutputShape: inputShape: IReadOnlyList<int64> -> IReadOnlyList<int64>
