namespace KdPlugins.Torch;

/// <summary>The numbers of a two-dimensional convolution beside its weights.</summary>
/// <param name="Stride">Rows, columns.</param>
/// <param name="Padding">Zeros on each side, rows and columns.</param>
/// <param name="Dilation">Rows, columns.</param>
/// <param name="Groups">Channel groups.</param>
internal sealed record ConvolutionGeometry(long[] Stride, long[] Padding, long[] Dilation, long Groups);
