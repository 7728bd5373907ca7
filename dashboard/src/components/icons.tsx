// The icons that the pages use. All of them stand beside words, so screen readers pass them over: otherwise a button
// would be read as “plus Thêm mới”.
import * as icons from '@ant-design/icons';
import type { ComponentType } from 'react';

interface AntIconProps {
  className?: string;
  'aria-hidden'?: boolean;
  'aria-label'?: string;
}

function quiet(Icon: ComponentType<AntIconProps>) {
  return ({ className }: { className?: string }) => (
    <Icon aria-hidden aria-label={undefined} className={className} />
  );
}

export const ApiOutlined = /* @__PURE__ */ quiet(icons.ApiOutlined);
export const ArrowUpOutlined = /* @__PURE__ */ quiet(icons.ArrowUpOutlined);
export const CalendarOutlined = /* @__PURE__ */ quiet(icons.CalendarOutlined);
export const CheckCircleFilled = /* @__PURE__ */ quiet(icons.CheckCircleFilled);
export const CheckOutlined = /* @__PURE__ */ quiet(icons.CheckOutlined);
export const ClockCircleFilled = /* @__PURE__ */ quiet(icons.ClockCircleFilled);
export const CloseCircleFilled = /* @__PURE__ */ quiet(icons.CloseCircleFilled);
export const CloseOutlined = /* @__PURE__ */ quiet(icons.CloseOutlined);
export const CompassOutlined = /* @__PURE__ */ quiet(icons.CompassOutlined);
export const CopyOutlined = /* @__PURE__ */ quiet(icons.CopyOutlined);
export const DashboardOutlined = /* @__PURE__ */ quiet(icons.DashboardOutlined);
export const DeleteOutlined = /* @__PURE__ */ quiet(icons.DeleteOutlined);
export const DoubleLeftOutlined = /* @__PURE__ */ quiet(icons.DoubleLeftOutlined);
export const DownloadOutlined = /* @__PURE__ */ quiet(icons.DownloadOutlined);
export const ExclamationOutlined = /* @__PURE__ */ quiet(icons.ExclamationOutlined);
export const ExperimentOutlined = /* @__PURE__ */ quiet(icons.ExperimentOutlined);
export const EyeInvisibleOutlined = /* @__PURE__ */ quiet(icons.EyeInvisibleOutlined);
export const EyeOutlined = /* @__PURE__ */ quiet(icons.EyeOutlined);
export const FileTextOutlined = /* @__PURE__ */ quiet(icons.FileTextOutlined);
export const GlobalOutlined = /* @__PURE__ */ quiet(icons.GlobalOutlined);
export const HistoryOutlined = /* @__PURE__ */ quiet(icons.HistoryOutlined);
export const InboxOutlined = /* @__PURE__ */ quiet(icons.InboxOutlined);
export const LeftOutlined = /* @__PURE__ */ quiet(icons.LeftOutlined);
export const LinkOutlined = /* @__PURE__ */ quiet(icons.LinkOutlined);
export const LogoutOutlined = /* @__PURE__ */ quiet(icons.LogoutOutlined);
export const MenuOutlined = /* @__PURE__ */ quiet(icons.MenuOutlined);
export const MinusCircleFilled = /* @__PURE__ */ quiet(icons.MinusCircleFilled);
export const MoonOutlined = /* @__PURE__ */ quiet(icons.MoonOutlined);
export const PlusOutlined = /* @__PURE__ */ quiet(icons.PlusOutlined);
export const QuestionCircleFilled = /* @__PURE__ */ quiet(icons.QuestionCircleFilled);
export const RedoOutlined = /* @__PURE__ */ quiet(icons.RedoOutlined);
export const ReloadOutlined = /* @__PURE__ */ quiet(icons.ReloadOutlined);
export const RightOutlined = /* @__PURE__ */ quiet(icons.RightOutlined);
export const RocketOutlined = /* @__PURE__ */ quiet(icons.RocketOutlined);
export const SearchOutlined = /* @__PURE__ */ quiet(icons.SearchOutlined);
export const SendOutlined = /* @__PURE__ */ quiet(icons.SendOutlined);
export const SettingOutlined = /* @__PURE__ */ quiet(icons.SettingOutlined);
export const ShopOutlined = /* @__PURE__ */ quiet(icons.ShopOutlined);
export const SunOutlined = /* @__PURE__ */ quiet(icons.SunOutlined);
export const SyncOutlined = /* @__PURE__ */ quiet(icons.SyncOutlined);
export const UnorderedListOutlined = /* @__PURE__ */ quiet(icons.UnorderedListOutlined);
export const UserOutlined = /* @__PURE__ */ quiet(icons.UserOutlined);
export const WarningFilled = /* @__PURE__ */ quiet(icons.WarningFilled);
