namespace KdPlugins.SpeculativeKd

open System
open System.Collections.Generic
open TorchSharp
open KdPlugins.Core
open KdPlugins.Sdk

/// Distils a language model on texts that it proposes token by token and the teacher corrects where it ranks a token too low. One stage,
/// "distil", of as many epochs as the recipe says; of each text of the data the prompt serves, in some modes the answer too.
[<Sealed;
  KdStrategy("speculative-kd",
             Description =
                 "Language models on texts that the student proposes and the teacher corrects; on-policy, supervised and mixed ones too",
             Paper =
                 "Xu et al.: Speculative Knowledge Distillation: Bridging the Teacher-Student Gap Through Interleaved Sampling, ICLR 2025")>]
type SpeculativeKdStrategy() =
    inherit DistillationStrategy<SpeculativeKdOptions>()

    // The share of a stage's texts that are written, and whether the teacher takes part.
    member private this.Written(progress: Progress) : struct (double * bool) =
        let o = this.Options

        match o.Mode with
        | TrainingMode.Speculative -> struct (1.0, true)
        | TrainingMode.OnPolicy -> struct (1.0, false)
        | TrainingMode.Mixed -> struct (o.Ratio, false)
        | TrainingMode.MixedSkd -> struct (o.Ratio, true)
        | TrainingMode.MixedTrain -> struct ((if progress.Fraction < o.Ratio then 0.0 else 1.0), false)
        | _ -> struct (0.0, false)

    // Answers to prompts, by the student alone or with the teacher.
    member private this.Write(step: IStepContext, prompts: int64[][], ends: int64, withTeacher: bool) : SampledTexts =
        let o = this.Options
        let settings = SamplerSettings.Of o
        let student = step.Writer o.Student

        let positions =
            min
                student.Positions
                (if withTeacher then
                     (step.Writer o.Teacher).Positions
                 else
                     Int64.MaxValue)

        let limits =
            prompts
            |> Array.map (fun p -> min (int64 p.Length + int64 o.MaxNewTokens) positions |> int)

        let texts = GrowingTexts(prompts, limits, ends)

        let places =
            Seq.zip limits prompts
            |> Seq.map (fun (limit, p) -> limit - p.Length)
            |> Seq.max

        let drawn = DrawnNumbers(step.Random.Derive "texts", prompts.Length, max 1 places)
        let device = step.Device
        use reader = new CachedReader(student, prompts.Length, device)

        if withTeacher then
            use teacher = new CachedReader(step.Writer o.Teacher, prompts.Length, device)
            InterleavedSampler.speculate settings reader teacher texts drawn device step.Cancellation
        else
            InterleavedSampler.own settings reader texts drawn device step.Cancellation

    // What the student learns on: the batch, or texts to its prompts. The second is whether some were written.
    member private this.Texts(step: IStepContext, batch: Batch, ends: int64) : struct (Batch * bool) =
        let struct (share, withTeacher) = this.Written step.Progress

        if share = 0.0 then
            struct (batch, false)
        else
            let struct (texts, prompts) = TokenBatches.Read(batch, this.Asker)
            let coins = DrawnNumbers(step.Random.Derive "coins", texts.Length, 1)

            let rows =
                [|
                    for i in 0 .. texts.Length - 1 do
                        if share >= 1.0 || coins.Student(i, 0) < share then
                            i
                |]

            if rows.Length > 0 then
                let given = rows |> Array.map (fun i -> Array.sub texts[i] 0 prompts[i])
                let written = this.Write(step, given, ends, withTeacher)

                for place, i in Seq.indexed rows do
                    texts[i] <- written.Texts[place]

                this.Report(step, written, withTeacher)

            let numbers = batch.Indices.data<int64>().ToArray()
            struct (TokenBatches.Of(texts, prompts, ReadOnlySpan numbers).To step.Device, true)

    member private _.Report(step: IStepContext, written: SampledTexts, withTeacher: bool) =
        let report (name: string) (value: double) = step.Report(name, torch.tensor value)
        report "generated-tokens" (float (written.Accepted + written.Corrections))

        if withTeacher then
            report "accepted" (float written.Accepted)
            report "corrections" (float written.Corrections)
            report "correction-rate" written.CorrectionRate

    override this.Needs =
        let options = this.Options
        [| options.Teacher; options.Student |]

    override this.Result = this.Options.Student

    /// Raises KDP0304 where the data are no texts; KDP0303 where the two vocabularies differ; KDP0306 where a network cannot write, or
    /// where no loss listens to the teacher.
    override this.Plan context =
        let o, data = this.Options, context.Data

        if data.Kind <> InputKind.Tokens || data.Target <> TargetKind.Tokens then
            raise (
                this.Asker.Refusal(
                    CoreErrors.TargetKind,
                    $"needs prompts with their answers; the data set gives {data.Kind} with {data.Target} targets.",
                    "Take a data set of texts, such as 'addition', 'text-file' or 'text-table'."
                )
            )

        let teacher, student = context.Network o.Teacher, context.Network o.Student

        if teacher.Shape.Classes <> student.Shape.Classes then
            raise (
                this.Asker.WrongShape(
                    $"got a teacher of {teacher.Shape.Classes} tokens and a student of {student.Shape.Classes}: a token that one proposes has to be a token of the other's.",
                    "Take two networks of one vocabulary, and of one tokenizer."
                )
            )

        if o.Mode <> TrainingMode.SeqKd then
            this.Asker.RequireTeacherLoss(context, "Add a loss that needs a teacher, such as 'token-divergence'.")

        let needed =
            match o.Mode with
            | TrainingMode.Supervised
            | TrainingMode.SeqKd -> []
            | TrainingMode.OnPolicy
            | TrainingMode.Mixed
            | TrainingMode.MixedTrain -> [ o.Student, student ]
            | _ -> [ o.Student, student; o.Teacher, teacher ]

        for role, network in needed do
            match network with
            | :? ICausalLanguageModel -> ()
            | _ ->
                raise (
                    this.Asker.WrongCombination(
                        $"has '{role}' write texts, and its network is no causal language model.",
                        "Take one such as 'gpt2', or set \"mode\" to supervised."
                    )
                )

        let objective (step: IStepContext) : torch.Tensor =
            let batch = step.View(o.Student, step.Next "train")
            let struct (texts, isWritten) = this.Texts(step, batch, data.EndToken)
            let answered = step.Forward(o.Student, texts, null)

            if o.Mode = TrainingMode.SeqKd then
                let outputs = Dictionary<string, ModelOutput>()
                outputs[Roles.Student] <- answered
                step.Objective(outputs, Roles.Student, null, texts, 1.0, 0.0)
            else
                let taught = step.Consult(o.Teacher, texts, null)

                // What was written is no truth: losses that would take it for one are left out.
                if isWritten then
                    step.Guidance(answered, taught, texts)
                else
                    step.Objective(answered, taught, texts)

        Plans.Distil(context, o.Student, objective)
