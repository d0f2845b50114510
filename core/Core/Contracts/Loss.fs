namespace KdPlugins.Core

open System.Collections.Generic
open TorchSharp


/// What a loss is bound to, once, before the first step.
/// shapes: every role's network shape by role; where a plan names who learns from whom, "student" and "teacher" are those two,
/// whatever they are called. data: what the main data set holds. samples: its number of training
/// samples (a memory bank has so many rows).
[<Sealed>]
type LossBinding
    (shapes: IReadOnlyDictionary<string, NetworkShape>, data: DataInfo, samples: int64, device: torch.Device) =

    /// What the data set holds.
    member _.Data = data

    /// The number of training samples.
    member _.Samples = samples

    /// Where the loss's own modules have to be.
    member _.Device = device

    /// Counts the training samples of each class; null where the source does not say what they are.
    member val Counting: System.Func<IReadOnlyList<int64>> = null with get, set

    /// The number of training samples of each class, from 0 on; empty where the source does not say what they are. Counted when
    /// it is asked for.
    member this.ClassCounts: IReadOnlyList<int64> =
        if isNull this.Counting then
            System.Array.Empty<int64>()
        else
            this.Counting.Invoke()

    /// The roles there are.
    member _.Roles = shapes.Keys

    /// A role's shape. Raises KDP0301 where there is no such role.
    member _.Shape(role: string) =
        match shapes.TryGetValue role with
        | true, shape -> shape
        | _ ->
            let known = String.concat ", " shapes.Keys
            Fail.error CoreErrors.RoleMissing $"A loss needs the role '{role}'; the recipe has: {known}."

/// What a loss sees in a step.
type ILossContext =
    inherit IPartContext

    /// What the network that learns answered, with graph.
    abstract Student: ModelOutput

    /// What the teacher answered, without graph. Raises KDP0301 where nobody teaches.
    abstract Teacher: ModelOutput

    /// Whether somebody teaches.
    abstract HasTeacher: bool

    /// What further roles answered. Raises KDP0301 where the strategy gave none.
    abstract Output: role: string -> ModelOutput

    /// The student's batch: target, sample indices, mask.
    abstract Batch: Batch

    /// Publishes a part of the loss under "<loss id>.<name>"; a scalar tensor, read when events are written.
    abstract Report: name: string * value: Tensor -> unit

/// Outputs in, scalar out.
[<AllowNullLiteral>]
type IDistillationLoss =
    inherit IPlugin

    /// The taps that it needs of a role's network, under the options it has.
    abstract Taps: role: string * shape: NetworkShape -> IReadOnlyCollection<string>

    /// Whether it needs a teacher.
    abstract NeedsTeacher: bool

    /// Fits it to the networks: checks shapes, makes projection heads. Raises KDP03xx with both names and both shapes.
    abstract Bind: binding: LossBinding -> unit

    /// Its own parameters and buffers, which train with the student and are part of the checkpoint; null for none.
    abstract Module: torch.nn.Module

    /// The loss: a scalar, with graph to the student and to its own parameters.
    abstract Compute: context: ILossContext -> Tensor
