namespace KdPlugins.Core

open System.Collections.Generic
open TorchSharp
open KdPlugins.Torch

/// An answer, with all that it depends on.
type internal Answer =
    {
        Role: string
        Weights: int64
        InputVersion: int64
        Mask: Tensor
        Taps: HashSet<string>
        Output: ModelOutput
    }

/// What roles that are not trained have answered in a step. An answer holds for the very input that it was given to, and
/// for what is picked of it, as long as neither the input nor the role's weights have changed.
[<Sealed>]
type internal Answers(given: seq<struct (Tensor * Answer)>) =
    // By the tensor and not by its handle: a disposed tensor's handle is given to another one.
    let kept = Dictionary<Tensor, List<Answer>>(HashIdentity.Reference)

    let add (input: Tensor) (answer: Answer) =
        match kept.TryGetValue input with
        | true, answers -> answers.Add answer
        | _ -> kept[input] <- List [ answer ]

    do
        for struct (input, answer) in given do
            add input answer

    /// Keeps an answer. weights: the role's at that time.
    member _.Keep(role: RoleState, weights: int64, batch: Batch, taps: HashSet<string>, output: ModelOutput) =
        let answer =
            {
                Role = role.Name
                Weights = weights
                InputVersion = TensorVersion.Of batch.Input
                Mask = batch.Mask
                Taps = taps
                Output = output
            }

        add batch.Input answer

    /// The same answers, to add others for a while.
    member _.Copy() =
        Answers(
            [
                for entry in kept do
                    for answer in entry.Value -> struct (entry.Key, answer)
            ]
        )

    /// What the role has answered already: to this input, or to the batch that it was picked from. Null where it has not.
    member this.Find(role: RoleState, weights: int64, batch: Batch, taps: HashSet<string>) : ModelOutput =
        let serves (answer: Answer) =
            answer.Role = role.Name
            && answer.Weights = weights
            && obj.ReferenceEquals(answer.Mask, batch.Mask)
            && answer.InputVersion = TensorVersion.Of batch.Input
            && taps.IsSubsetOf answer.Taps

        let own =
            match kept.TryGetValue batch.Input with
            | true, answers -> answers |> Seq.tryFind serves
            | _ -> None

        match own with
        | Some answer -> answer.Output
        | None when not batch.IsAsPicked -> null
        | None ->
            match this.Find(role, weights, batch.PickedFrom, taps) with
            | null -> null
            | whole ->
                use _ = torch.no_grad ()
                let output = whole.Select batch.PickedRows
                this.Keep(role, weights, batch, HashSet output.Features.Keys, output)
                output
