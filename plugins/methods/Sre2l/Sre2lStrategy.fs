namespace KdPlugins.Sre2l

open System
open System.Collections.Generic
open TorchSharp
open KdPlugins.Core
open KdPlugins.Sdk
open KdPlugins.Torch

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

    let check (options: Sre2lOptions) (data: DataInfo) =
        if
            data.Kind <> InputKind.Image
            || data.InputShape.Count <> 3
            || data.Target <> TargetKind.ClassIndex
        then
            raise (
                KdException(
                    CoreErrors.TargetKind,
                    $"Strategy 'sre2l' needs images of classes; the data set gives {data.Kind} with {data.Target} targets.",
                    "Take a data set of classified images."
                )
            )

        if options.Labels = LabelMode.Stored then
            raise (
                KdException(
                    CoreErrors.WrongCombination,
                    "Strategy 'sre2l' has no stored labels before it has recovered images.",
                    "Set \"labels\" to dynamic, static or classes."
                )
            )

    let export (context: IPlanContext) (images: torch.Tensor) (logits: torch.Tensor) (folder: string) =
        use _ = torch.NewDisposeScope()
        let tensors = Dictionary<string, torch.Tensor>()
        tensors["images"] <- images.detach().cpu()
        tensors["labels"] <- torch.arange(images.shape[0]).remainder(context.Data.Classes.ToScalar())

        if not (isNull logits) then
            tensors["soft"] <- logits.detach().cpu()

        let labelBytes = if isNull logits then 0L else logits.numel () * 4L
        let image8 = images.numel () / images.shape[0]
        let bytes = images.numel () + labelBytes
        let origin = SortedDictionary<string, string>(StringComparer.Ordinal)

        for entry in context.Origin do
            origin[entry.Key] <- entry.Value

        let equivalent = float bytes / float (image8 * context.Data.Classes)
        origin["label-bytes"] <- string labelBytes
        origin["bytes"] <- string bytes
        origin["images-per-class-with-labels"] <- equivalent.ToString "F4"
        DistilledSet.Write(folder, "distilled", context.Data, origin, tensors) |> ignore

    override this.Needs =
        let options = this.Options
        [| options.Teacher; options.Student |]

    override this.Result = this.Options.Student

    /// Raises KDP0304 and KDP0306 where data and options do not go together.
    override this.Plan context =
        let options = this.Options
        check options context.Data
        let recovering = Recovering(context, options)
        context.AddSource("distilled", recovering.Source)

        let labels =
            SoftLabels(context, "distilled", [| options.Teacher |], options.Student, options.Labels)

        context.Export("distilled", (fun folder -> export context recovering.Images labels.Logits folder))
        Seq.append [| recovering.Stage |] labels.Stages |> Seq.toArray :> IReadOnlyList<Stage>
