namespace KdPlugins.SelectiveFd

open System
open System.Collections.Generic
open TorchSharp
open KdPlugins.Core
open KdPlugins.Sdk

/// How answers are written into messages and read from them.
module internal Answers =

    /// Labels [n] of scores [n, C], in the smallest type that holds them.
    let labels (scores: torch.Tensor) : torch.Tensor =
        let kind =
            if scores.shape[1] <= 256L then
                torch.ScalarType.Byte
            else
                torch.ScalarType.Int32

        scores.argmax(1L).to_type kind

    /// What a client says: of its logits [n, C].
    let say (sharing: Sharing) (temperature: double) (logits: torch.Tensor) : torch.Tensor =
        match sharing with
        | Sharing.Labels -> labels logits
        | Sharing.Logits -> logits.to_type torch.ScalarType.Float32
        | _ -> logits.to_type(torch.ScalarType.Float32).div(temperature.ToScalar()).softmax 1L

    /// Values [n, C]: labels become rows of 0 and 1.
    let read (classes: int64) (values: torch.Tensor) : torch.Tensor =
        if values.dim () = 1L then
            torch.nn.functional.one_hot(values.to_type torch.ScalarType.Int64, classes).to_type torch.ScalarType.Float32
        else
            values

/// What the server found in a round.
[<NoEquality; NoComparison>]
type internal Merged =
    {
        /// For the clients.
        Ensemble: Message
        /// The mean entropy of the ensemble over all drawn proxies, before any is left out.
        Entropy: torch.Tensor
        Kept: int
    }

/// The server: it sees what clients send, and nothing else.
[<Sealed>]
type internal Server(asker: Asker, classes: int64, settings: Settings, temperature: double) =

    let unfit (k: int) (what: string) =
        raise (
            asker.WrongShape(
                $"sends from client {k + 1} {what}; what crosses are predictions for proxies that were asked for."
            )
        )

    let limit =
        if settings.MaxEntropy >= 1.0 then
            Double.PositiveInfinity
        else
            settings.MaxEntropy * Math.Log(float classes)

    /// The ensemble of a round. drawn: the proxies that were asked for. answers: a message of each client. Raises KDP0303 for one
    /// that is no prediction for some of them.
    member _.Merge(drawn: int64[], answers: Message[]) : Merged =
        use scope = torch.NewDisposeScope()

        let rows =
            Dictionary(drawn |> Seq.mapi (fun row sample -> KeyValuePair(sample, int64 row)))

        let shape = [| answers.LongLength; drawn.LongLength; classes |]
        let scores, masks = torch.zeros shape, torch.zeros (shape[0], shape[1])

        let note (k: int) (message: Message) =
            match message with
            | Message.Predictions(samples, values) ->
                let form =
                    if settings.Sharing = Sharing.Labels then
                        [||]
                    else
                        [| classes |]

                if values.shape <> Array.append [| samples.LongLength |] form then
                    unfit k $"{KdPlugins.Torch.TensorText.Describe values} for {samples.Length} proxies"

                if not (Array.forall rows.ContainsKey samples) then
                    unfit k "answers to other proxies"

                if samples.Length > 0 then
                    let places = torch.tensor (samples |> Array.map (fun sample -> rows[sample]))
                    scores[k].index_copy_(0L, places, Answers.read classes values) |> ignore
                    masks[k].index_fill_(0L, places, 1.0.ToScalar()) |> ignore
            | other -> unfit k $"a message of another kind ({other.GetType().Name})"

        Array.iteri note answers
        let mean = Ensemble.Of(scores, masks)

        let soft =
            if settings.Sharing = Sharing.Logits then
                mean.div(temperature.ToScalar()).softmax 1L
            else
                mean

        let entropies = Ensemble.Entropy soft
        let answered = masks.sum(0L).gt(0.0.ToScalar())
        let kept = entropies.le(limit.ToScalar()).logical_and(answered).nonzero().flatten()

        let values =
            match settings.Sharing with
            | Sharing.Labels -> Answers.labels (soft.index_select (0L, kept))
            | _ -> soft.index_select (0L, kept)

        let samples = kept.data<int64>().ToArray() |> Array.map (fun row -> drawn[int row])

        {
            Ensemble = Message.Ensemble(samples, values.MoveToOuterDisposeScope())
            Entropy = entropies.mean().MoveToOuterDisposeScope()
            Kept = samples.Length
        }
