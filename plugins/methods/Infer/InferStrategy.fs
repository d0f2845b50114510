namespace KdPlugins.Infer

open System
open System.Collections.Generic
open TorchSharp
open KdPlugins.Core
open KdPlugins.Sdk
open KdPlugins.Torch

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

    let fail (code: ErrorCode) (detail: string) (remedy: string) : unit = raise (KdException(code, detail, remedy))

    let check (options: InferOptions) (data: DataInfo) =
        if
            data.Kind <> InputKind.Image
            || data.InputShape.Count <> 3
            || data.Target <> TargetKind.ClassIndex
        then
            fail
                CoreErrors.TargetKind
                $"Strategy 'infer' needs images of classes; the data set gives {data.Kind} with {data.Target} targets."
                "Take a data set of classified images."

        if options.Labels = LabelMode.Stored then
            fail
                CoreErrors.WrongCombination
                "Strategy 'infer' has no stored labels before it has distilled."
                "Set \"labels\" to static, dynamic or classes, or name a \"source\" that has soft targets."

    let export
        (context: IPlanContext)
        (budget: Budget)
        (distilling: Distilling)
        (logits: torch.Tensor)
        (folder: string)
        =
        use _ = torch.NewDisposeScope()
        let classes = context.Data.Classes
        let tensors = Dictionary<string, torch.Tensor>()
        let add (name: string) (t: torch.Tensor) = tensors[name] <- t.detach().cpu()
        add "images" distilling.Images
        add "labels" (torch.arange(budget.Images).remainder(classes.ToScalar()))

        if not (isNull distilling.Codes) then
            add CompensatedNames.Codes distilling.Codes
            add CompensatedNames.Ranges distilling.Ranges

        if not (isNull logits) then
            add CompensatedNames.Logits logits

        let origin = SortedDictionary<string, string>(StringComparer.Ordinal)

        for entry in Seq.append context.Origin (budget.Describe()) do
            origin[entry.Key] <- entry.Value

        DistilledSet.Write(folder, "distilled", context.Data, origin, tensors) |> ignore

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
            check options context.Data

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

            let distilling = Distilling(context, options, budget)
            context.AddSource("distilled", distilling.Source)

            let labels =
                SoftLabels(context, "distilled", options.Teachers, options.Student, options.Labels)

            context.Export("distilled", (fun folder -> export context budget distilling labels.Logits folder))
            Seq.append distilling.Stages labels.Stages |> Seq.toArray :> IReadOnlyList<Stage>
