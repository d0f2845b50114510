namespace KdPlugins.BackwardPass

open System
open TorchSharp
open KdPlugins.Core
open KdPlugins.Sdk
open KdPlugins.Torch

/// Distillation that also teaches where student and teacher differ: after every few epochs ("minimise-0", "minimise-1", ...) each
/// training sample is moved up the gradient of the two networks' gap ("maximise-1", ...), and the student learns from what the
/// teacher says there. The auxiliary samples are the run's source "auxiliary".
[<Sealed;
  KdStrategy("backward-pass-kd",
             Description =
                 "Distils on samples that are moved to where student and teacher differ; a reconstruction, the paper's constants are unconfirmed",
             Paper =
                 "Jafari, Rezagholizadeh, Ghodsi: Improved knowledge distillation by utilizing backward pass knowledge in neural networks, arXiv 2301.12006, 2023")>]
type BackwardPassStrategy() =
    inherit DistillationStrategy<BackwardPassOptions>()

    /// The source of auxiliary samples.
    static member AuxiliarySource = "auxiliary"

    override this.Needs =
        let options = this.Options
        [| options.Teacher; options.Student |]

    override this.Result = this.Options.Student

    // eta in the units of a sample's values.
    member private this.StepSize(data: DataInfo) =
        match this.Options.Step, Option.ofNullable this.Options.StepSize with
        | StepKind.L2, given ->
            let values = data.InputShape |> Seq.fold (fun n d -> n * d) 1L

            Option.defaultValue 0.05 given
            * Seq.average (PixelSpace.Of data).Std
            * sqrt (float values)
        | StepKind.Sign, given -> Option.defaultValue (2.0 / 255.0) given
        | _, given -> Option.defaultValue 0.05 given

    // Of samples as the data set has them, with graph to them; in evaluation mode.
    member private this.Answer(step: IStepContext, raw: Batch, role: string, x: torch.Tensor) : torch.Tensor =
        let logits =
            step.Through(role, step.EvaluationView(role, raw.WithInput x), null).Logits

        // What bfloat16 leaves of a difference is little.
        if logits.dtype = torch.ScalarType.BFloat16 then
            logits.to_type torch.ScalarType.Float32
        else
            logits

    member private this.Gap(step: IStepContext, raw: Batch, x: torch.Tensor) =
        let o = this.Options
        Ascent.Gap(this.Answer(step, raw, o.Student, x), this.Answer(step, raw, o.Teacher, x))

    // What the search makes grow: [B].
    member private this.Sought(step: IStepContext, raw: Batch, x: torch.Tensor) : torch.Tensor =
        match this.Options.Search with
        | Search.Labels ->
            let labels = TargetReader.As<ClassIndexTarget>(raw.Target, string this.Asker).Labels

            torch.nn.functional.cross_entropy (
                this.Answer(step, raw, this.Options.Student, x),
                labels,
                reduction = torch.nn.Reduction.None
            )
        | Search.Noise ->
            use draws = step.Random.Derive("noise").NewGenerator x.device
            let direction = torch.randn (x.shape, device = x.device, generator = draws)
            (direction * x).flatten(1L).sum 1L
        | _ -> this.Gap(step, raw, x)

    /// Raises KDP0304 where the data are no images, or have no classes that the search needs; KDP0306 where nobody teaches or where
    /// no epoch comes after a search.
    override this.Plan context =
        let o, data = this.Options, context.Data

        if data.Kind <> InputKind.Image then
            raise (
                this.Asker.Refusal(CoreErrors.TargetKind, $"moves pixels of images; the data set gives {data.Kind}.")
            )

        if o.Search = Search.Labels && data.Target <> TargetKind.ClassIndex then
            raise (
                this.Asker.Refusal(
                    CoreErrors.TargetKind,
                    $"searches by labels; the data set gives {data.Target} targets."
                )
            )

        this.Asker.RequireTeacherLoss context

        let rounds =
            Rounds.cut context.Training.Epochs (int64 o.EpochsPerRound) (int64 o.FinalEpochs)

        if not (rounds |> List.exists _.HasAuxiliary) then
            raise (
                this.Asker.WrongCombination(
                    $"makes no auxiliary samples: of {context.Training.Epochs} epochs none is left after the first {o.EpochsPerRound} and before the last {o.FinalEpochs}.",
                    "Lower \"epochsPerRound\" or \"finalEpochs\", or train longer."
                )
            )

        let size, count = context.Training.BatchSize, context.SourceCount "train"
        let set = AuxiliarySet(context, max 1L (int64 (round (o.Share * float count))))
        context.AddSource(BackwardPassStrategy.AuxiliarySource, set)
        let eta = this.StepSize data

        let maximise (order: SeededPermutation) (step: IStepContext) =
            let first = step.Progress.Step * size

            let raw =
                step.Read("train", ReadOnlyMemory [| for i in first .. min set.Count (first + size) - 1L -> order[i] |])

            let gap (x: torch.Tensor) = step.WithoutGraph(fun () -> this.Gap(step, raw, x).mean())

            let found =
                Ascent.Climb(
                    raw.Input,
                    (fun x -> this.Sought(step, raw, x)),
                    o.Steps,
                    o.Step,
                    eta,
                    (fun x -> x.clamp (0.0.ToScalar(), 1.0.ToScalar()))
                )

            set.Put(first, found)
            step.Report("gap", gap raw.Input)
            step.Report("auxiliary-gap", gap found)

        let plain = context.TrainableOf o.Student

        let trainable =
            Trainable(plain.Name, plain.Parameters, plain.Optimiser, Rounds.schedule rounds context.Training.Schedule)

        // L_aux: what the teacher says of x' is all that is known of it.
        let auxiliary (step: IStepContext) =
            let view = step.View(o.Student, step.Next BackwardPassStrategy.AuxiliarySource)

            let answered, taught =
                step.Forward(o.Student, view, null), step.Consult(o.Teacher, view, null)

            match o.AuxiliaryLoss with
            | AuxiliaryLoss.Gap -> Ascent.Gap(answered.Logits, taught.Logits.detach ()).mean()
            | _ ->
                // For losses that tell the true class from others.
                let classes = ClassIndexTarget(taught.Logits.detach().argmax 1L)
                step.Guidance(answered, taught, view.WithTarget classes)

        let minimise (round: Learning) (step: IStepContext) =
            let objective () =
                let view = step.View(o.Student, step.Next "train")
                let taught = step.Consult(o.Teacher, view, null)
                let loss = step.Objective(step.Forward(o.Student, view, null), taught, view)

                if round.HasAuxiliary then
                    loss.add ((auxiliary step).mul(o.AuxiliaryWeight.ToScalar()))
                else
                    loss

            step.Update([| trainable |], objective) |> ignore

        [|
            for n, round in List.indexed rounds do
                if round.HasAuxiliary then
                    let key = context.Random.Derive("part").Derive(int64 n)
                    let order = SeededPermutation(key.Value, count)
                    Stage($"maximise-{n}", StageLength.Steps((set.Count + size - 1L) / size), maximise order)

                Stage(
                    round.Stage,
                    StageLength.Epochs round.Epochs,
                    minimise round,
                    Trainables = [| trainable |],
                    Trains = [| o.Student |],
                    Evaluates = [| o.Student |]
                )
        |]
