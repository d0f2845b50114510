namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Globalization
open TorchSharp
open KdPlugins.Torch

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

/// Where the values of inputs lie: in [least, most], both infinite where nobody knows.
[<Struct>]
type ValueRange(least: double, most: double) =

    /// Nobody knows.
    static member Unknown = ValueRange(Double.NegativeInfinity, Double.PositiveInfinity)

    /// [0, 1], as images come from every data set.
    static member Unit = ValueRange(0.0, 1.0)

    /// The smallest value that there can be.
    member _.Least = least

    /// The largest value that there can be.
    member _.Most = most

    /// Whether both are known.
    member _.IsKnown = Double.IsFinite least && Double.IsFinite most

    /// Raises KDP0330 where values are known to lie outside of [0, 1]. asker: who needs them there, such as
    /// "Augmentation 'color-jitter'".
    member this.RequireUnit(asker: string) : unit =
        // Numbers like (0 - 0.5) / 0.5 * 0.5 + 0.5 need not come out exactly.
        if this.IsKnown && not (least >= -1e-6 && most <= 1.0 + 1e-6) then
            Fail.error CoreErrors.ValueRange $"{asker} is made for values in [0, 1], and they lie in {this}."

    /// Such as [-2, 2.5].
    override _.ToString() =
        let text (x: double) = x.ToString("0.###", CultureInfo.InvariantCulture)
        $"[{text least}, {text most}]"

/// An augmentation that knows what it does to the range of values. What another gives is taken as unknown, and nobody
/// complains of that.
type IValueRangeAugmentation =

    /// Where its output's values lie, for inputs in a range; ValueRange.Unknown where it cannot tell. Asked once, after Bind.
    /// Raises KDP0330 for a range that it is not made for, as one that clips to [0, 1] is not for normalised values.
    abstract OutputRange: inputRange: ValueRange -> ValueRange

/// An augmentation that knows what a sample's view depends on. What another gives is taken to depend on more than the sample.
type ISampleWiseAugmentation =

    /// Whether the view of a sample follows from the random stream and from that sample (its number, input, mask and target)
    /// alone, up to rounding: not from other samples of its batch, not from networks, Progress, or values that a strategy
    /// publishes; and there is one view of each sample. Only then can answers to views be stored and replayed. Asked once,
    /// after Configure.
    abstract IsSampleWise: bool
