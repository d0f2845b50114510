namespace KdPlugins.SelectiveFd

open System
open System.Collections.Generic
open TorchSharp
open KdPlugins.Core
open KdPlugins.Sdk

/// Takes messages to the channel, and counts what crosses, for each client. The counts are part of the run's state.
[<Sealed>]
type internal Post(channel: IChannel, state: IStateRegistry, roles: string seq) =
    let counters direction =
        dict [ for role in roles -> role, state.Counter($"bytes-{direction}/{role}", 0L) ]

    let up, down = counters "up", counters "down"

    let add (counter: ICounter) (message: Message) = counter.Value <- counter.Value + message.Bytes

    /// Bytes that a client has sent, and was sent.
    member _.Of(role: string) = struct (up[role].Value, down[role].Value)

    /// From a client to the server.
    member _.Up(role: string, message: Message) : Message =
        add up[role] message
        channel.Send(role, "server", message)

    /// From the server to a client.
    member _.Down(role: string, message: Message) : Message =
        add down[role] message
        channel.Send("server", role, message)

/// The exchange of a round, and learning from it.
/// masks: [K, P] of 0 and 1, row k what client k and the server know of it.
[<Sealed>]
type internal Rounds
    (
        asker: Asker,
        context: IPlanContext,
        o: SelectiveFdOptions,
        settings: Settings,
        cohort: Cohort,
        masks: torch.Tensor,
        post: Post
    ) =

    let classes = context.Data.Classes
    let server = Server(asker, classes, settings, o.Temperature)
    // What every client was told in this round.
    let told = context.State.Pool("ensemble", 0L)
    let empty = context.State.Counter("empty-rounds", 0L)
    let mostEmpty = 50L
    let roles = cohort.Clients |> Array.map _.Role

    let number (value: double) : torch.Tensor = torch.tensor value

    // The proxies of a round: of those that some client accepts.
    let draw (key: RandomKey) : int64[] =
        let candidates =
            masks.amax([| 0L |]).cpu().nonzero().flatten().data<int64>().ToArray()

        candidates
        |> Array.sortBy (fun i -> key.Derive(i).Value)
        |> Array.truncate o.ProxyBatch

    let report (step: IStepContext) (name: string) (value: double) = step.Report(name, number value)

    let bytes () =
        roles
        |> Array.map (fun role ->
            let struct (up, down) = post.Of role
            up + down, up, down)

    // Client k answers, in evaluation mode, to those of the proxies that it accepts.
    let answer (step: IStepContext) (k: int) (message: Message) : Message =
        match message with
        | Message.Draw samples ->
            let own = masks[k].cpu().data<byte>().ToArray()
            let accepted = samples |> Array.filter (fun i -> own[int i] > 0uy)

            if accepted.Length = 0 then
                Message.Predictions([||], Answers.say settings.Sharing o.Temperature (torch.zeros (0L, classes)))
            else
                let view =
                    step.EvaluationView(roles[k], step.Read(o.ProxySource, ReadOnlyMemory accepted))

                let logits = step.Consult(roles[k], view, null).Logits
                Message.Predictions(accepted, Answers.say settings.Sharing o.Temperature logits)
        | _ -> invalidOp "The server asks by Draw alone."

    let remember (message: Message) =
        told.Clear()

        match message with
        | Message.Ensemble(samples, values) when samples.Length > 0 ->
            let rows = Dictionary<string, torch.Tensor>()
            rows["sample"] <- torch.tensor samples
            rows["target"] <- Answers.read classes values
            told.Append rows
        | _ -> ()

    let sawNothing (drawn: int) =
        empty.Value <- empty.Value + 1L

        if empty.Value >= mostEmpty then
            raise (
                asker.Refusal(
                    CoreErrors.NoSamples,
                    $"has kept none of {drawn} proxies in {mostEmpty} rounds in a row: the ensemble is vaguer than \"maxEntropy\" {settings.MaxEntropy} allows.",
                    "Raise \"maxEntropy\", or train clients by themselves first (\"warmUpSteps\")."
                )
            )

    /// Clients say what they think of the round's proxies, and are told what all of them think.
    member _.Exchange(step: IStepContext) : unit =
        let drawn = draw (step.Random.Derive "draw")
        let before = bytes ()

        let answers =
            roles
            |> Array.mapi (fun k role ->
                let asked = post.Down(role, Message.Draw drawn)
                let mutable said = asked
                step.AsEvaluation(fun () -> said <- answer step k asked)
                post.Up(role, said))

        let merged = server.Merge(drawn, answers)

        let received = roles |> Array.map (fun role -> post.Down(role, merged.Ensemble))
        remember received[0]

        if merged.Kept = 0 then
            sawNothing drawn.Length
        else
            empty.Value <- 0L

        for role, (all, _, _), (before, _, _) in Array.zip3 roles (bytes ()) before do
            report step $"bytes.{role}" (float (all - before))

        let sums = bytes ()
        let of' pick = (sums |> Array.sumBy pick) - (before |> Array.sumBy pick) |> float
        report step "bytes-up" (of' (fun (_, up, _) -> up))
        report step "bytes-down" (of' (fun (_, _, down) -> down))

        if drawn.Length > 0 then
            report step "kept" (float merged.Kept / float drawn.Length)
            step.Report("ensemble-entropy", merged.Entropy)

        match merged.Ensemble with
        | Message.Ensemble(samples, values) when samples.Length > 0 && cohort.Hidden.Length > 0 ->
            let right = samples |> Array.map (fun i -> cohort.Hidden[int i]) |> torch.tensor
            let said = (Answers.read classes values).argmax 1L
            step.Report("target-accuracy", said.eq(right).to_type(torch.ScalarType.Float32).mean())
        | _ -> ()

    /// Every client does a step on what it was told; nothing where that was nothing.
    member _.Distil(step: IStepContext) : unit =
        if told.Count > 0L then
            let rows = torch.arange (told.Count, dtype = torch.ScalarType.Int64)
            let samples = told.Read("sample", rows).data<int64>().ToArray()
            let targets: torch.Tensor = told.Read("target", rows).``to`` context.Device
            let raw = step.Read(o.ProxySource, ReadOnlyMemory samples)

            for client in cohort.Clients do
                let view = step.EvaluationView(client.Role, raw)

                let objective () =
                    let loss =
                        Ensemble.SoftCrossEntropy(step.Forward(client.Role, view, null).Logits, targets)

                    step.Report("soft-cross-entropy", loss)
                    loss

                step.Update([| client.Trainable |], objective) |> ignore
