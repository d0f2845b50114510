namespace KdPlugins.Core

open System.Collections.Generic
open TorchSharp
open KdPlugins.Torch


/// A place in a network whose value can be asked for: its name, its shape without the batch dimension, and whether the
/// value is taken before the activation.
[<Sealed>]
type Tap(name: string, shape: IReadOnlyList<int64>, isPreActivation: bool) =

    /// The name losses and recipes use.
    member _.Name = name

    /// The shape without the batch dimension, such as [64, 8, 8].
    member _.Shape = shape

    /// Whether the value is signed, taken before the activation.
    member _.IsPreActivation = isPreActivation

    override _.ToString() = $"{name} {TensorText.Shape(System.ReadOnlySpan(Seq.toArray shape))}"

/// What a network takes and gives: known before the first step, so that everything that has to fit can be checked.
[<Sealed>]
type NetworkShape(input: IReadOnlyList<int64>, classes: int64, embedding: int64, taps: IReadOnlyList<Tap>) =

    /// The input without the batch dimension, such as [3, 32, 32]; [-1] for token sequences.
    member _.Input = input

    /// The number of outputs of the main head; the vocabulary for language models.
    member _.Classes = classes

    /// The length of the embedding (the input of the last layer); 0 where there is none.
    member _.Embedding = embedding

    /// The places that can be asked for, in the order of computation.
    member _.Taps = taps

    /// The tap of a name. Raises KDP0302 with the taps that there are.
    member _.Tap(name: string) =
        match taps |> Seq.tryFind (fun t -> t.Name = name) with
        | Some tap -> tap
        | None ->
            let known = String.concat ", " (taps |> Seq.map string)
            Fail.error CoreErrors.TapMissing $"No tap is called '{name}'. The network publishes: {known}."

/// What a network answered to a batch.
[<Sealed; AllowNullLiteral>]
type ModelOutput(logits: Tensor, embedding: Tensor, features: IReadOnlyDictionary<string, Tensor>) =

    /// The main head before the softmax: float [B, C]; [B, C, h, w] for maps, [B, L, V] for tokens.
    member _.Logits = logits

    /// The pooled input of the last layer: float [B, D]; null where the network has none.
    member _.Embedding = embedding

    /// The taps that were asked for, further heads included, by name.
    member _.Features = features

    /// The tap of a name. Raises KDP0302 where it was not asked for.
    member _.Feature(name: string) : Tensor =
        match features.TryGetValue name with
        | true, tensor -> tensor
        | _ ->
            let known = String.concat ", " features.Keys
            Fail.error CoreErrors.TapMissing $"The tap '{name}' was not asked for; this output has: {known}."

    member private _.Each(change: Tensor -> Tensor) =
        let changed (t: Tensor) = if isNull t then null else change t
        let kept = Dictionary<string, Tensor>()

        for entry in features do
            kept[entry.Key] <- changed entry.Value

        ModelOutput(changed logits, changed embedding, kept)

    /// The same values cut off from the graph.
    member this.Detach() = this.Each(fun t -> t.detach ())

    /// The rows that an int64 tensor of row numbers [K], on the values' device, picks.
    member this.Select(rows: Tensor) = this.Each(fun t -> t.index_select (0L, rows))

/// A network in a role. The engine owns device, precision and mode; an implementation only computes.
[<AllowNullLiteral>]
type INetwork =

    /// The parameters and buffers, under the names they are saved by.
    abstract Module: torch.nn.Module

    /// What it takes and gives.
    abstract Shape: NetworkShape

    /// Computes the batch's outputs. input: see Batch.Input. mask: see Batch.Mask, may be null.
    /// taps: the features that the output must hold; others may be left out.
    abstract Forward: input: Tensor * mask: Tensor * taps: IReadOnlyCollection<string> -> ModelOutput

/// A network that can be cut: run to a tap, go on from there (semi-online and block-wise methods).
type ISplittableNetwork =
    inherit INetwork

    /// The taps at which it can be cut.
    abstract Cuts: IReadOnlyList<string>

    /// Computes as far as the cut.
    abstract ForwardTo: cut: string * input: Tensor -> Tensor

    /// Goes on from the value at the cut.
    abstract ForwardFrom: cut: string * value: Tensor * taps: IReadOnlyCollection<string> -> ModelOutput

    /// A new network of the same form as the part behind the cut, with the same weights, trainable by itself.
    abstract CloneTail: cut: string -> INetwork

/// A network that goes on from what another one answers: a bridge on a teacher's trunk, a self-teacher on a student's
/// features. Its module holds what is its own. By itself (Forward) it takes what the other network takes, and runs it as far
/// as it needs: so it is evaluated.
type IDerivedNetwork =
    inherit INetwork

    /// The taps of the other network that it goes on from.
    abstract Basis: IReadOnlyCollection<string>

    /// Goes on from an answer of the other network that holds them. taps: as in Forward.
    abstract ForwardFrom: basis: ModelOutput * taps: IReadOnlyCollection<string> -> ModelOutput

/// A causal language model that can continue sequences token by token.
type ICausalLanguageModel =
    inherit INetwork

    /// The longest sequence that it can take.
    abstract Positions: int64

    /// An empty key-value cache for a number of sequences; disposed by who asked for it.
    abstract NewCache: sequences: int64 -> System.IDisposable

    /// Appends ids int64 [B, L] to the cached sequences and gives the logits [B, L, V] of every appended position, those of a pass
    /// over the whole sequences up to rounding. mask: bool [B, L], true for the first tokens of each row that count; the rest of a row
    /// is not appended, and its logits mean nothing. Null where all count. Raises KDP0303 where a sequence would be longer than
    /// Positions.
    abstract Append: ids: Tensor * mask: Tensor * cache: System.IDisposable -> Tensor

    /// Shortens each cached sequence to a length of its own, int64 [B] (rejected proposals); shorter ones stay as they are.
    abstract Truncate: cache: System.IDisposable * lengths: Tensor -> unit

/// A network that offers a faster form of itself for inference with weights that no longer change.
type IFreezableNetwork =
    inherit INetwork

    /// A network with the same taps and, up to rounding, the same outputs; it holds its own copy of the weights.
    abstract Freeze: dtype: torch.ScalarType -> INetwork

/// A detector: turns its raw output into boxes.
type IDetector =
    inherit INetwork

    /// Boxes, classes and scores per sample, after non-maximum suppression.
    abstract Decode: output: ModelOutput -> IReadOnlyList<struct (Tensor * Tensor * Tensor)>
