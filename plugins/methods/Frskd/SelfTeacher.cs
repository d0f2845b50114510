using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Frskd;

/// <summary>
/// Refines a network's feature maps in a feature pyramid, from the coarsest to the finest and back (a modified BiFPN, section 3.2
/// of the paper), and classifies by the coarsest refined map. With c_i channels at level i of the student, the maps here have
/// d_i = width c_i, or all as many.
/// </summary>
internal sealed class SelfTeacher : nn.Module
{
    private readonly ModuleList<Lateral> lateral; // L_i
    private readonly ModuleList<Lateral> second; // P_i, i > 1
    private readonly ModuleList<Lateral> up; // behind a change of size to level i < n
    private readonly ModuleList<Lateral> down; // behind one to level i > 1
    private readonly ModuleList<Refiner> refine_up;
    private readonly ModuleList<Refiner> refine_down;
    private readonly ModuleList<Fusion> fuse_up;
    private readonly ModuleList<Fusion> fuse_down;
    private readonly Linear fc;

    private readonly IReadOnlyList<Level> _levels;

    /// <param name="levels">Two at least.</param>
    /// <param name="options">The widths and depths.</param>
    /// <param name="classes">Length of the logits.</param>
    internal SelfTeacher(IReadOnlyList<Level> levels, FrskdOptions options, long classes)
        : base(nameof(SelfTeacher))
    {
        _levels = levels;
        var isConstant = options.Widths == LevelWidths.Constant;
        long[] c = [.. levels.Select(l => l.Channels)];
        Widths = [.. c.Select(n => isConstant ? options.Channels : options.Width * n)];
        var (d, n) = (Widths, levels.Count);
        ModuleList<T> Each<T>(int first, int count, Func<int, T> make)
            where T : nn.Module => nn.ModuleList<T>([.. Enumerable.Range(first, count).Select(make)]);
        lateral = Each(0, n, i => new Lateral(c[i], d[i]));
        second = Each(1, n - 1, i => new Lateral(c[i], d[i]));
        up = Each(0, isConstant ? 0 : n - 1, i => new Lateral(d[i + 1], d[i]));
        down = Each(1, isConstant ? 0 : n - 1, i => new Lateral(d[i - 1], d[i]));
        refine_up = Each(0, n - 1, i => new Refiner(d[i], options.Depth));
        refine_down = Each(1, n - 1, i => new Refiner(d[i], options.Depth));
        fuse_up = Each(0, n - 1, _ => new Fusion(2));
        fuse_down = Each(1, n - 1, i => new Fusion(i < n - 1 ? 3 : 2));
        fc = nn.Linear(d[^1], classes);
        RegisterComponents();
    }

    /// <summary>d_i.</summary>
    internal IReadOnlyList<long> Widths { get; }

    /// <summary>T_1 to T_n before their ReLU.</summary>
    /// <param name="features">F_1 to F_n, <c>[B, c_i, h_i, w_i]</c>; a ReLU comes before anything else.</param>
    internal Tensor[] Refine(IReadOnlyList<Tensor> features)
    {
        var n = features.Count;
        Tensor[] f = [.. features.Select(map => map.relu())];
        Tensor[] l = [.. f.Select((map, i) => lateral[i].call(map))];
        var u = new Tensor[n];
        u[^1] = l[^1]; // U_n = L_n
        for (var i = n - 2; i >= 0; i--)
            // U_i = Block3x3(n0 relu(L_i) + n1 Up(relu(U_{i+1})))
            u[i] = refine_up[i].call(fuse_up[i].Sum(l[i].relu(), Behind(up, i, Resized(u[i + 1].relu(), i))));
        var t = new Tensor[n];
        t[0] = u[0]; // T_1 = U_1
        for (var i = 1; i < n; i++)
            t[i] = Coarser(i, f[i], i < n - 1 ? u[i] : null, t[i - 1]);
        return t;
    }

    // T_i = Block3x3(m0 relu(P_i) + m1 relu(U_i) + m2 Down(relu(T_{i-1}))), without U_n at the last level
    private Tensor Coarser(int i, Tensor own, Tensor? middle, Tensor finer)
    {
        var lateral = second[i - 1].call(own).relu();
        var below = Behind(down, i - 1, Resized(FrskdMath.SamePool(finer.relu()), i));
        var sum = middle is null
            ? fuse_down[i - 1].Sum(lateral, below)
            : fuse_down[i - 1].Sum(lateral, middle.relu(), below);
        return refine_down[i - 1].call(sum);
    }

    /// <summary>z^T = FC(GAP(relu T_n)), and what goes into it.</summary>
    /// <param name="coarsest">T_n before its ReLU.</param>
    internal (Tensor Logits, Tensor Pooled) Classify(Tensor coarsest)
    {
        var pooled = coarsest.relu().mean([2, 3]);
        return (fc.call(pooled), pooled);
    }

    private static Tensor Behind(ModuleList<Lateral> blocks, int i, Tensor map) =>
        blocks.Count == 0 ? map : blocks[i].call(map);

    // Nearest, to the size of a level; what has it already stays as it is.
    private Tensor Resized(Tensor map, int level)
    {
        var (height, width) = (_levels[level].Height, _levels[level].Width);
        return map.shape[2] == height && map.shape[3] == width
            ? map
            : nn.functional.interpolate(map, size: [height, width], mode: InterpolationMode.Nearest);
    }
}
