using KdPlugins.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.MosaicKd;

/// <summary>The generator's loss and its terms, scalars with graph.</summary>
/// <param name="Total">L_G, the weighted sum.</param>
/// <param name="Adversarial">L_adv.</param>
/// <param name="Align">L_align.</param>
/// <param name="Local">L_local; 0 where there is no discriminator.</param>
/// <param name="Balance">L_bal.</param>
public readonly record struct GeneratorLoss(
    Tensor Total,
    Tensor Adversarial,
    Tensor Align,
    Tensor Local,
    Tensor Balance
);

/// <summary>
/// The losses of MosaicKD, pure functions of tensors: logits of teacher and student <c>[batch, classes]</c>, of patches
/// <c>[batch, 1, rows, columns]</c> or any other shape of a batch. Half precision is widened to float32 first.
/// </summary>
public static class MosaicKdLosses
{
    // 0 log 0 is 0, and so is its gradient.
    private const double Least = 1e-37;

    /// <summary>
    /// L_D = (sum BCE(D(x~), 0) / B + sum BCE(D(x_ood), 1) / B') / 2, over samples and patches.
    /// </summary>
    /// <param name="fake">Logits of generated images' patches.</param>
    /// <param name="real">Logits of out-of-domain images' patches; as many per image.</param>
    /// <param name="reduction">Of an image's patches.</param>
    [Formula("discriminator-loss", Description = "L_D: generated patches are 0, patches of real images 1")]
    public static Tensor Discriminator(Tensor fake, Tensor real, PatchReduction reduction) =>
        (Patches(fake, 0, reduction) + Patches(real, 1, reduction)) / 2;

    /// <summary>L_local = sum BCE(D(x~), 1) / B, over samples and patches.</summary>
    /// <param name="fake">Logits of generated images' patches.</param>
    /// <param name="reduction">Of an image's patches.</param>
    [Formula("local-loss", Description = "L_local: generated patches are to be taken for real ones")]
    public static Tensor Local(Tensor fake, PatchReduction reduction) => Patches(fake, 1, reduction);

    /// <summary>-sum_c p_c ln p_c of every sample; float <c>[batch]</c>, 0 to ln C.</summary>
    /// <param name="logits"><c>[batch, classes]</c></param>
    [Formula("entropies", Description = "-sum p ln p of every sample")]
    public static Tensor Entropies(Tensor logits)
    {
        var logP = KdMath.LogProbabilities(logits, 1);
        return (logP.exp() * logP).sum(1).neg();
    }

    /// <summary>L_align: the mean of <see cref="Entropies"/>; 0 to ln C.</summary>
    /// <param name="teacher">The teacher's logits on generated images, with graph.</param>
    [Formula("align-loss", Description = "L_align: the mean entropy (ln) of the teacher's answers")]
    public static Tensor Align(Tensor teacher) => Entropies(teacher).mean();

    /// <summary>L_adv = -KL(softmax T || softmax S), the mean over the batch; a graph to both is kept.</summary>
    /// <param name="teacher">The teacher's logits on generated images, with graph.</param>
    /// <param name="student">The student's.</param>
    [Formula("adversarial-loss", Description = "L_adv: minus the divergence of teacher and student")]
    public static Tensor Adversarial(Tensor teacher, Tensor student) => KdMath.KlDivergence(student, teacher, 1).neg();

    /// <summary>L_bal = sum_c pbar_c log2 pbar_c of the batch's mean answer; -log2 C to 0. The logarithm is of base 2.</summary>
    /// <param name="teacher">The teacher's logits on generated images, with graph.</param>
    [Formula("balance-loss", Description = "L_bal: minus the entropy (log2) of the teacher's mean answer")]
    public static Tensor Balance(Tensor teacher)
    {
        var mean = KdMath.LogProbabilities(teacher, 1).exp().mean([0]);
        return (mean * mean.clamp_min(Least).log2()).sum();
    }

    /// <summary>L_G = w_adv L_adv + w_align L_align + w_local L_local + w_bal L_bal.</summary>
    /// <param name="teacher">The teacher's logits on generated images, with graph.</param>
    /// <param name="student">The student's.</param>
    /// <param name="fake">Logits of the images' patches; null for no discriminator.</param>
    /// <param name="adversarial">w_adv.</param>
    /// <param name="align">w_align.</param>
    /// <param name="local">w_local.</param>
    /// <param name="balance">w_bal.</param>
    /// <param name="reduction">Of an image's patches.</param>
    [Formula("generator-loss", Description = "L_G and its terms")]
    public static GeneratorLoss Generator(
        Tensor teacher,
        Tensor student,
        Tensor? fake,
        double adversarial,
        double align,
        double local,
        double balance,
        PatchReduction reduction
    )
    {
        var (apart, certain, even) = (Adversarial(teacher, student), Align(teacher), Balance(teacher));
        var real = fake is null ? zeros_like(certain) : Local(fake, reduction);
        var total = apart * adversarial + certain * align + real * local + even * balance;
        return new(total, apart, certain, real, even);
    }

    private static Tensor Patches(Tensor logits, double target, PatchReduction reduction)
    {
        var wide = logits.dtype is ScalarType.BFloat16 or ScalarType.Float16 ? logits.to(ScalarType.Float32) : logits;
        var expected = full_like(wide, target);
        var sum = nn.functional.binary_cross_entropy_with_logits(wide, expected, reduction: nn.Reduction.Sum);
        return sum / (reduction == PatchReduction.Sum ? wide.shape[0] : wide.numel());
    }
}
