namespace KdPlugins.Infer

open System.Collections.Generic
open KdPlugins.Core
open KdPlugins.Sdk

/// Distils a data set into natural images and universal feature compensators, labels what they make together, trains a
/// student on it, and exports the set as "outputs/distilled". Stages: "select" (natural images), "compensate" (M P
/// compensators of N iterations each), "label" (static labels only), "student". The recipe's losses are the student's.
[<Sealed;
  KdStrategy("infer",
             Description = "Distils a data set into images and compensators that serve all classes at once",
             Paper =
                 "Zhang, Du, Liu, Zhou: Breaking Class Barriers: Efficient Dataset Distillation via Inter-Class "
                 + "Feature Compensator, 2025")>]
type InferStrategy() =
    inherit DistillationStrategy<InferOptions>()

    override this.Needs =
        let options = this.Options
        let own = options.Source = ""
        let labels = options.Labels = LabelMode.Static || options.Labels = LabelMode.Dynamic

        [|
            if labels || (own && options.Compensate) then
                yield! options.Teachers

            options.Student
        |]

    override this.Result = this.Options.Student

    /// Raises KDP0304 and KDP0306 where data, options and budget do not go together.
    override this.Plan context =
        let options = this.Options

        if options.Source <> "" then
            SoftLabels(context, options.Source, options.Teachers, options.Student, options.Labels).Stages
        else
            this.Asker.RequireDistillable(
                context.Data,
                options.Labels,
                "Set \"labels\" to static, dynamic or classes, or name a \"source\" that has soft targets."
            )

            let M =
                if options.Compensate then
                    int64 options.Teachers.Count
                else
                    0L

            let image, labelled = context.Data.InputShape, options.Labels = LabelMode.Static

            let budget =
                Budget.Within(
                    int64 options.ImagesPerClass,
                    context.Data.Classes,
                    M,
                    image,
                    labelled,
                    options.CountLabels
                )

            let distilling = Distilling(context, options, budget, this.Asker)
            context.AddSource("distilled", distilling.Source)

            let labels =
                SoftLabels(context, "distilled", options.Teachers, options.Student, options.Labels)

            let write folder =
                SmallSet.Write(
                    context,
                    folder,
                    distilling.Images,
                    [|
                        struct (CompensatedNames.Codes, distilling.Codes)
                        struct (CompensatedNames.Ranges, distilling.Ranges)
                    |],
                    struct (CompensatedNames.Logits, labels.Logits),
                    budget.Describe()
                )

            context.Export("distilled", write)
            Seq.append distilling.Stages labels.Stages |> Seq.toArray :> IReadOnlyList<Stage>
