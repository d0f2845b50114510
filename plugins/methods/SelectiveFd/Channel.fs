namespace KdPlugins.SelectiveFd

open System.Collections.Generic
open TorchSharp

/// What may cross between the server and a client. There is nothing else.
[<RequireQualifiedAccess; NoEquality; NoComparison>]
type Message =
    /// From a client, once: which proxies lie within its data, bool [P].
    | Mask of accepted: torch.Tensor

    /// From the server: the proxies of a round, by their numbers.
    | Draw of samples: int64[]

    /// From a client: what it says of those of them that it accepts, float32 [n, C], or labels uint8 or int32 [n].
    | Predictions of samples: int64[] * values: torch.Tensor

    /// From the server: what all clients together say of those that it keeps, in the same form.
    | Ensemble of samples: int64[] * values: torch.Tensor

    /// What it takes: numbers of samples 8 bytes, values those of their type.
    member this.Bytes: int64 =
        let ofTensor (t: torch.Tensor) = t.numel () * t.element_size ()

        match this with
        | Mask accepted -> ofTensor accepted
        | Draw samples -> 8L * samples.LongLength
        | Predictions(samples, values)
        | Ensemble(samples, values) -> 8L * samples.LongLength + ofTensor values

/// How messages come from one party to another. Parties are called "server" and by the clients' roles.
type IChannel =

    /// What arrives: the receiver's own copy.
    abstract Send: from: string * into: string * message: Message -> Message

/// Within one process: tensors arrive as copies on the CPU, without graph.
[<Sealed>]
type LocalChannel() =

    let copy (t: torch.Tensor) : torch.Tensor = t.detach().cpu().clone()

    interface IChannel with
        member _.Send(_, _, message) =
            match message with
            | Message.Mask accepted -> Message.Mask(copy accepted)
            | Message.Draw samples -> Message.Draw(Array.copy samples)
            | Message.Predictions(samples, values) -> Message.Predictions(Array.copy samples, copy values)
            | Message.Ensemble(samples, values) -> Message.Ensemble(Array.copy samples, copy values)
