namespace KdPlugins.Sre2l

open System.Collections.Generic
open KdPlugins.Core
open KdPlugins.Sdk

/// Squeeze, recover, relabel: images recovered from a trained network by its answers and its batch norms' statistics, then
/// a student on them under the network's labels; the set is exported as "outputs/distilled". Stages: "recover", "label"
/// (static labels only), "student". Squeezing is the teacher's own training, a phase of the recipe. The recipe's losses
/// are the student's.
[<Sealed;
  KdStrategy("sre2l",
             Description = "Recovers a small data set from a trained network and trains a student on it",
             Paper =
                 "Yin, Xing, Shen: Squeeze, Recover and Relabel: Dataset Condensation at ImageNet Scale From A New "
                 + "Perspective, 2023")>]
type Sre2lStrategy() =
    inherit DistillationStrategy<Sre2lOptions>()

    override this.Needs =
        let options = this.Options
        [| options.Teacher; options.Student |]

    override this.Result = this.Options.Student

    /// Raises KDP0304 and KDP0306 where data and options do not go together.
    override this.Plan context =
        let options = this.Options
        this.Asker.RequireDistillable(context.Data, options.Labels)
        let recovering = Recovering(context, options)
        context.AddSource("distilled", recovering)

        let labels =
            SoftLabels(context, "distilled", [| options.Teacher |], options.Student, options.Labels)

        let write folder =
            SmallSet.Write(context, folder, recovering.Images, [||], struct ("soft", labels.Logits), [||])

        context.Export("distilled", write)
        Seq.append [| recovering.Stage |] labels.Stages |> Seq.toArray :> IReadOnlyList<Stage>
