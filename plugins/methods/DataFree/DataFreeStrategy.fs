namespace KdPlugins.DataFree

open System
open System.Collections.Generic
open KdPlugins.Core
open KdPlugins.Sdk
open KdPlugins.Torch

/// Distillation without data, by the terms and makers of images of nine methods. Methods that keep their images have the stages
/// "synthesise" (the first batches) and "distil" (the student, and further batches in turn), a source "synthetic", and export the
/// images as "outputs/distilled"; online generators have "distil" alone. The student learns by those losses of the recipe that
/// need a teacher. Real data serve the evaluations only.
[<Sealed;
  KdStrategy("data-free",
             Description = "Distils without data: DeepInversion, ZSKD, DAFL, ZSKT, DFAD, DFQ, CMI, FastDFKD",
             Paper = "Data-Free Knowledge Transfer: A Survey, arXiv 2112.15278, 2021, and the papers of the methods")>]
type DataFreeStrategy() =
    inherit DistillationStrategy<DataFreeOptions>()

    override this.Needs =
        let o = this.Options
        [| o.Teacher; o.Student |]

    override this.Result = this.Options.Student

    member private this.Refuse(what: string, remedy: string) : 'T = raise (this.Asker.WrongCombination(what, remedy))

    member private this.Check(context: IPlanContext, s: Settings) =
        let o, name = this.Options, (string this.Options.Method)
        let teacher = context.Network o.Teacher
        this.Asker.RequireDistillable(context.Data, LabelMode.Dynamic)
        this.Asker.RequireTeacherLoss context

        let taught, learnt = teacher.Shape.Classes, context.Network(o.Student).Shape.Classes

        if taught <> context.Data.Classes || learnt <> taught then
            raise (
                this.Asker.WrongShape
                    $"got a teacher with {taught} classes, a student with {learnt} and data with {context.Data.Classes}: all have the same."
            )

        if (s.Norms > 0.0 || s.Contrast > 0.0) && not (NormStatistics.IsIn teacher.Module) then
            this.Refuse(
                $"compares what goes into the teacher's batch norms by the method {name}, and the teacher has none.",
                "Set \"norms\" (and \"contrast\") to 0, or take a method without them: dafl, zskt, dfad, zskd."
            )

        if s.Activation > 0.0 && teacher.Shape.Embedding = 0L then
            this.Refuse("looks at the teacher's embedding, and the teacher has none.", "Set \"activation\" to 0.")

        if s.Contrast > 0.0 && s.Backend <> Backend.Batches then
            this.Refuse(
                $"contrasts batches of a generator, which {name} has none of.",
                "Leave out \"contrast\", or take cmi."
            )

        if
            not s.Impression
            && [ s.Norms; s.OneHot; s.Adversarial; s.Activation; s.Balance; s.Variation ]
               |> List.forall ((=) 0.0)
        then
            this.Refuse($"has nothing to make images by: all weights of {name} are 0.", "Leave one of them above 0.")

        if s.Backend = Backend.Online && o.WarmUp.HasValue then
            this.Refuse($"keeps no images by the method {name}, so that there is no warm-up.", "Leave out \"warmUp\".")

        if s.Joint && (s.Backend <> Backend.Online || s.Steps <> 1L || s.Adversarial > 0.0) then
            this.Refuse(
                "updates an online generator and the student in one backward pass, without the student's term.",
                "Set \"joint\" to false, or \"steps\" to 1 and \"adversarial\" to 0."
            )

    member private this.Generator(context: IPlanContext) =
        this.Asker.RequireLatentGenerator(context, this.Options.Generator, "makes images of latent vectors")

    /// Raises KDP0301 where the generator is missing, KDP0303 where classes differ, KDP0304 for data that are no classified
    /// images, KDP0306 where method, options and networks do not go together.
    override this.Plan context =
        let o = this.Options
        let side = context.Data.InputShape |> Seq.tryItem 1 |> Option.defaultValue 0L
        let s = Settings.resolve o side
        this.Check(context, s)
        let players = Players(context, o, s)

        let pooled () =
            let size =
                if o.BatchSize.HasValue then
                    int64 o.BatchSize.Value
                else
                    context.Training.BatchSize

            let set =
                SyntheticSet(context, max size (min (int64 o.PoolSize) (Pooled.Made(context, o, s, size))))

            context.AddSource(Pooled.Source, set)
            context.Export("distilled", (fun folder -> set.Write folder))

            let of' synthesise perBatch trainables =
                Pooled(context, o, s, players, synthesise, perBatch, trainables).Stages

            if s.Backend = Backend.Pixels then
                let pixels = Pixels(context, o, s, players, set, size)

                if not pixels.CanBe then
                    this.Refuse(
                        "draws answers by the weights of the teacher's last linear layer, and there is none with an output per class.",
                        "Take another method than zskd."
                    )

                of'
                    (Action<_, _, _>(fun step n last -> pixels.Synthesise(step, n, last)))
                    pixels.PerBatch
                    pixels.Trainables
            else
                let batches = Batches(context, o, s, players, set, this.Generator context, size)

                of'
                    (Action<_, _, _>(fun step n last -> batches.Synthesise(step, n, last)))
                    batches.PerBatch
                    batches.Trainables

        let stages =
            match s.Backend with
            | Backend.Online -> Online(context, o, s, players, this.Generator context).Stages
            | _ -> pooled ()

        stages :> IReadOnlyList<Stage>
