namespace KdPlugins.SelectiveFd

open System
open System.Collections.Generic
open System.Globalization
open System.IO
open TorchSharp
open KdPlugins.Core
open KdPlugins.Sdk

/// Federated distillation: K clients with data of their own, which differ, teach each other by what they say of proxies, samples that
/// everybody has and nobody has labelled. Stage "select": each client estimates where its data lie and says which proxies it
/// answers to. Stage "rounds": in each round every client does steps on its own data; the server draws proxies, clients answer, the
/// server averages what counts and leaves out what is vague; every client does steps on that. A step of the stage is one update
/// of every client, so that a run stops and goes on within a round.
[<KdStrategy("selective-fd",
             Description =
                 "Clients with data of their own teach each other by those predictions on proxies that are within their data",
             Paper =
                 "Shao, Wu, Zhang: Selective Knowledge Sharing for Privacy-Preserving Federated Distillation without a Good Teacher, Nature Communications 2024, arXiv 2304.01731")>]
type SelectiveFdStrategy() =
    inherit DistillationStrategy<SelectiveFdOptions>()

    /// What messages go through; within the process. A strategy that is derived may set another one, which looks at them or brings
    /// them further.
    member val Channel: IChannel = LocalChannel() with get, set

    override this.Needs =
        let o = this.Options

        if (Settings.Of o).Estimates && o.Features = FeatureKind.Embedding then
            [| o.Student; o.Extractor |]
        else
            [| o.Student |]

    override this.Result = this.Options.Student

    // Precision and recall of a client's mask, against the classes that it has.
    member private _.Judge(step: IStepContext, cohort: Cohort, client: Client, accepted: torch.Tensor) =
        let mask = accepted.cpu().data<bool>().ToArray()
        step.Report($"accepted.{client.Role}", torch.tensor (Array.averageBy (fun m -> if m then 1.0 else 0.0) mask))

        if cohort.Hidden.Length > 0 then
            let own = cohort.Hidden |> Array.map (fun y -> client.Counts[int y] > 0L)
            let count (flags: bool seq) = flags |> Seq.filter id |> Seq.length |> float
            let both = count (Seq.map2 (&&) mask own)

            for name, all in [ "precision", count mask; "recall", count own ] do
                if all > 0.0 then
                    step.Report($"{name}.{client.Role}", torch.tensor (both / all))

    // A line for each client: its samples, by class; the share of proxies that it accepts; bytes.
    member private _.Write(folder: string, cohort: Cohort, masks: torch.Tensor, post: Post) =
        let text (value: IFormattable) = value.ToString(null, CultureInfo.InvariantCulture)
        let classes = Array.init cohort.Clients[0].Counts.Length (fun c -> $"class-{c}")

        let lines =
            cohort.Clients
            |> Array.mapi (fun k client ->
                let struct (up, down) = post.Of client.Role

                let accepted =
                    if cohort.Proxies = 0L then
                        0L
                    else
                        masks[k].sum().item<int64>()

                let counts = client.Counts |> Array.map (fun n -> text n)

                String.Join(
                    ",",
                    Array.append [| client.Role; text client.Samples; text accepted; text up; text down |] counts
                ))

        let head =
            String.Join(",", Array.append [| "client"; "samples"; "accepted"; "bytes-up"; "bytes-down" |] classes)

        File.WriteAllLines(Path.Combine(folder, "clients.csv"), Array.append [| head |] lines)

    member private this.Select(settings: Settings, cohort: Cohort, masks: torch.Tensor, post: Post) =
        let asker, o = this.Asker, this.Options
        let judge step client accepted = this.Judge(step, cohort, client, accepted)

        let select (step: IStepContext) =
            let k = int step.Progress.Step
            let client = cohort.Clients[k]
            let found = Selection.accepted asker o settings.Selector step client cohort.Proxies

            match post.Up(client.Role, Message.Mask found) with
            | Message.Mask accepted ->
                judge step client accepted
                use _ = torch.no_grad ()
                masks[k].copy_ accepted |> ignore
            | _ -> invalidOp "A mask arrives as one."

            if k = cohort.Clients.Length - 1 && masks.amax().item<byte>() = 0uy then
                raise (
                    asker.Refusal(
                        CoreErrors.NoSamples,
                        $"finds none of {cohort.Proxies} proxies within any client's data: nothing is left to share.",
                        "Lower \"quantile\", change \"sigma\" or \"features\", or take proxies that are nearer to the clients' data."
                    )
                )

        Stage("select", StageLength.Steps cohort.Clients.LongLength, select)

    // The mean over clients of what says most of them, on data that chose nothing.
    member private _.Evaluate (context: IPlanContext, cohort: Cohort) (step: IStepContext) =
        match
            [ "test"; "validation" ]
            |> List.tryFind (fun s -> Seq.contains s context.Sources)
        with
        | Some source ->
            let found =
                cohort.Clients
                |> Array.map (fun c -> step.Evaluate(c.Role, source, 0L).Measures[0])

            step.Report($"clients.{found[0].Value.Name}", torch.tensor (found |> Array.averageBy _.Number))
        | None -> ()

    /// Raises KDP0303 to KDP0306 for what does not go together, KDP0310 for a client without data or where no proxy is left, KDP0332
    /// where a loss needs a teacher.
    override this.Plan context =
        let o, settings = this.Options, Settings.Of this.Options
        let cohort = Cohort.ofPlan this.Asker context o settings
        let clients = cohort.Clients

        if
            settings.Estimates
            && o.Features = FeatureKind.Pixels
            && context.Data.Kind <> InputKind.Image
        then
            raise (
                this.Asker.Refusal(
                    CoreErrors.TargetKind,
                    $"compares pixels of images; the data set gives {context.Data.Kind}."
                )
            )

        if
            settings.Estimates
            && clients |> Array.exists (fun c -> c.Role = o.Extractor)
            && o.Features = FeatureKind.Embedding
        then
            raise (
                this.Asker.WrongCombination(
                    $"takes '{o.Extractor}' for a client and for the extractor.",
                    "Name another role."
                )
            )

        let masks =
            SmallSet.Zeros(
                context,
                "masks",
                torch.ScalarType.Byte,
                [| clients.LongLength; max 1L cohort.Proxies |],
                trained = false
            )

        let post = Post(this.Channel, context.State, clients |> Seq.map _.Role)
        let rounds = Rounds(this.Asker, context, o, settings, cohort, masks, post)
        context.Export("clients", (fun folder -> this.Write(folder, cohort, masks, post)))
        let own = int64 o.PrivateSteps
        let length = own + (if settings.Exchanges then int64 o.DistillSteps else 0L)

        let learnAlone (step: IStepContext) =
            for client in clients do
                let objective () =
                    let view = step.View(client.Role, step.Next client.Source)
                    let outputs = Dictionary()
                    outputs[client.Role] <- step.Forward(client.Role, view, null)
                    step.Objective(outputs, client.Role, null, view)

                step.Update([| client.Trainable |], objective) |> ignore

        let step (step: IStepContext) =
            let at = step.Progress.Step - settings.WarmUp
            let place = if at < 0L then at else at % length

            if place < own then
                learnAlone step
            else
                if place = own then
                    rounds.Exchange step

                rounds.Distil step

        let roles = clients |> Array.map _.Role
        let perEpoch = int64 o.RoundsPerEpoch * length

        [|
            if settings.Exchanges then
                this.Select(settings, cohort, masks, post)

            Stage(
                "rounds",
                StageLength.Steps(settings.WarmUp + context.Training.Epochs * perEpoch),
                step,
                StepsPerEpoch = perEpoch,
                Trainables = (clients |> Array.map _.Trainable),
                Trains = roles,
                Evaluates = roles,
                End = Action<IStepContext>(this.Evaluate(context, cohort))
            )
        |]
