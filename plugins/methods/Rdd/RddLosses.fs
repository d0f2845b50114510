namespace KdPlugins.Rdd

open System
open TorchSharp
open KdPlugins.Core
open KdPlugins.Sdk
open KdPlugins.Torch

/// The answers of one network: the main head, and the auxiliary one where there is any.
[<Struct>]
type internal Heads =
    {
        Main: torch.Tensor
        Aux: torch.Tensor
    }

    static member Of(output: ModelOutput, aux: string) =
        {
            Main = output.Logits
            Aux =
                match output.Features.TryGetValue aux with
                | true, logits -> logits
                | _ -> null
        }

/// The task losses of the two phases, of both heads.
module internal Phases =

    /// The pixels that are hard at least, of a batch.
    let kept (options: HardOptions) (target: ClassMapTarget) =
        if options.MinKeptPixels > 0 then
            int64 options.MinKeptPixels
        else
            int64 (Math.Ceiling(options.MinKept * float (target.Labels.numel ())))

    let private bothHeads (options: HeadOptions) (student: Heads) (ofHead: (Heads -> torch.Tensor) -> torch.Tensor) =
        let main = ofHead _.Main

        if isNull student.Aux || options.AuxWeight = 0.0 then
            main
        else
            main + ofHead _.Aux * options.AuxWeight.ToScalar()

    /// Mean(w * (CE(main) + 0.4 CE(aux))), and w.
    let first (options: HeadOptions) mean (student: Heads) (teacher: Heads) (target: ClassMapTarget) =
        let weights =
            RddMath.Weights(teacher.Main, teacher.Aux, target, options.AlignCorners)

        let ofHead (head: Heads -> torch.Tensor) =
            RddMath.Weighted(RddMath.PixelLosses(head student, target, options.AlignCorners), weights, target, mean)

        struct (bothHeads options student ofHead, weights)

    /// CE over the chosen pixels of the main head, + 0.4 of those of the aux head, and the share of pixels that are chosen.
    let second (options: HardOptions) (student: Heads) (teacher: Heads) (target: ClassMapTarget) =
        let kept = kept options target
        let mutable share = null

        let ofHead (head: Heads -> torch.Tensor) =
            let own = RddMath.PixelLosses(head student, target, options.AlignCorners)
            let hard losses = RddMath.Hard(losses, target, options.Threshold, kept)

            let chosen =
                if options.Selection = Selection.Ohem then
                    hard own
                else
                    let taught =
                        RddMath.PixelLosses((head teacher).detach(), target, options.AlignCorners)

                    RddMath.Select(hard own, hard taught, options.Selection)

            if isNull share then
                share <- chosen.to_type(own.dtype).mean()

            RddMath.Chosen(own, chosen, target, options.ClassWeights)

        let loss = bothHeads options student ofHead
        struct (loss, share)

    /// Whether the teacher's auxiliary head is needed for it: where its own disagreement or that head's difficulty counts.
    let needsAux (shape: NetworkShape) (aux: string) = shape.Taps |> Seq.exists (fun t -> t.Name = aux)

    /// Refuses heads of another number of classes than the first, of other samples, or larger than the labels.
    let requireMaps (asker: Asker) (networks: Heads list) (target: ClassMapTarget) =
        let labels = target.Labels.shape
        let text (shape: int64[]) = TensorText.Shape(ReadOnlySpan shape)
        let heads = networks |> List.collect (fun n -> [ n.Main; n.Aux ])

        let fits (head: torch.Tensor) =
            head.dim () = 4L
            && labels.Length = 3
            && head.shape[0] = labels[0]
            && head.shape[1] > 1L
            && head.shape[1] = heads.Head.shape[1]
            && head.shape[2] <= labels[1]
            && head.shape[3] <= labels[2]

        let needed =
            "needs logits [batch, classes, height, width] of the same classes, no larger than the labels"

        match heads |> List.tryFind (fun head -> not (isNull head) && not (fits head)) with
        | Some head ->
            raise (asker.WrongShape($"{needed} [batch, height, width]; got {text head.shape} and {text labels}."))
        | None -> ()

    let requireWeights (asker: Asker) (options: HardOptions) (classes: int64) =
        let given = options.ClassWeights.Count

        if given > 0 && int64 given <> classes then
            raise (
                asker.Refusal(CoreErrors.ShapesDiffer, $"has {given} class weights, the data set {classes} classes.")
            )

/// The task loss of the first phase (TFE): cross-entropy with pixels weighted by how much the teacher's heads agree on them.
[<Sealed;
  KdLoss("rdd-tfe",
         Description = "Cross-entropy of class maps, pixels weighted by the agreement of the teacher's two heads",
         Paper = "Liang, Sun, Du, Chen, Huang: Relative Difficulty Distillation for Semantic Segmentation, 2024")>]
type TfeLoss() =
    inherit DistillationLoss<TfeOptions>()

    override this.Taps(role, shape) =
        let aux = this.Options.Aux

        if role = Roles.Teacher then [| shape.Tap(aux).Name |]
        elif Phases.needsAux shape aux then [| aux |]
        else [||]

    override this.Bind binding = this.Asker.RequireSameClasses binding

    override this.Compute context =
        let o = this.Options

        let target =
            TargetReader.As<ClassMapTarget>(context.Batch.Target, string this.Asker)

        let student = Heads.Of(context.Student, o.Aux)

        let teacher =
            {
                Main = context.Teacher.Logits
                Aux = context.Teacher.Feature o.Aux
            }

        Phases.requireMaps this.Asker [ student; teacher ] target
        let struct (loss, weights) = Phases.first o o.Mean student teacher target
        context.Report("weight", weights.mean ())
        loss

/// The task loss of the second phase (TSE): cross-entropy over the pixels that are hard for one of student and teacher alone.
[<Sealed;
  KdLoss("rdd-tse",
         Description = "Cross-entropy of class maps over the pixels that are hard for either student or teacher",
         Paper = "Liang, Sun, Du, Chen, Huang: Relative Difficulty Distillation for Semantic Segmentation, 2024")>]
type TseLoss() =
    inherit DistillationLoss<TseOptions>()

    override this.NeedsTeacher = this.Options.Selection <> Selection.Ohem

    override this.Taps(_, shape) =
        let aux = this.Options.Aux
        if Phases.needsAux shape aux then [| aux |] else [||]

    override this.Bind binding =
        Phases.requireWeights this.Asker this.Options binding.Data.Classes

        if this.NeedsTeacher then
            this.Asker.RequireSameClasses binding

            if Phases.needsAux (binding.Shape Roles.Student) this.Options.Aux then
                (binding.Shape Roles.Teacher).Tap this.Options.Aux |> ignore

    override this.Compute context =
        let o = this.Options

        let target =
            TargetReader.As<ClassMapTarget>(context.Batch.Target, string this.Asker)

        let student = Heads.Of(context.Student, o.Aux)

        let teacher =
            if this.NeedsTeacher then
                Heads.Of(context.Teacher, o.Aux)
            else
                student

        Phases.requireMaps this.Asker [ student; teacher ] target
        let struct (loss, share) = Phases.second o student teacher target
        context.Report("selected", share)
        loss
