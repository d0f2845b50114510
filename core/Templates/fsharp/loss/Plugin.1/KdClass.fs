namespace Plugin._1

open System.ComponentModel.DataAnnotations
open KdPlugins.Core
open KdPlugins.Sdk
open KdPlugins.Torch
open TorchSharp

/// The options of the loss "plugin-id-1".
[<Sealed; AllowNullLiteral>]
type KdClassOptions() =

    /// What both logits are divided by before the softmax, 0.01 to 1000. Default: 1.
    [<Range(0.01, 1000.0)>]
    member val Temperature = 1.0 with get, set

/// t^2 (1 - rho), the mean over samples, where rho is Pearson's correlation of the student's and the teacher's
/// probabilities at temperature t: the answers have to agree up to scale and shift (the relation between classes in
/// section 4 of the paper).
[<Sealed;
  KdLoss("plugin-id-1",
         Version = "1.0.0",
         Description = "One minus the correlation of the student's and the teacher's probabilities",
         Paper = "Huang, You, Wang, Qian, Xu: Knowledge Distillation from A Stronger Teacher, 2022")>]
type KdClassLoss() =
    inherit DistillationLoss<KdClassOptions>()

    // Where all probabilities are equal there is no correlation: it counts as 0.
    let epsilon = 1e-8

    let centred (logits: torch.Tensor) (temperature: float) =
        let probabilities = torch.nn.functional.softmax (logits / temperature, 1L)

        probabilities - probabilities.mean ([| 1L |], keepdim = true)

    /// Raises KDP0303 where the logits differ in shape.
    override this.Compute context =
        // [batch, classes]
        let student, teacher = context.Student.Logits, context.Teacher.Logits

        if student.shape <> teacher.shape then
            raise (
                KdException(
                    CoreErrors.ShapesDiffer,
                    $"Loss 'plugin-id-1' got student logits {TensorText.Shape student.shape} and teacher logits {TensorText.Shape teacher.shape}."
                )
            )

        let temperature = this.Options.Temperature
        let s, t = centred student temperature, centred teacher temperature
        let norm (x: torch.Tensor) = x.square().sum 1L + epsilon
        let correlation = (s * t).sum 1L / (norm s * norm t).sqrt()
        (correlation.neg () + 1.0).mean() * (temperature * temperature)
